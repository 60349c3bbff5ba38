"""A pytest plugin: autograd's own tests, with every derivative that they check computed by programs of tenon_autograd.

make_vjp, make_jvp and the operators made of them (grad, jacobian, ...) are wrapped: the function that they return is recorded and compiled at
its first call, in f64. What the bridge cannot record runs as it is, and is counted.
"""
import atexit
import functools
import json
import os

import autograd
import autograd.core
import autograd.differential_operators as operators
import autograd.test_util as test_util

import tenon_autograd
from autograd.tracer import isbox
from rules import tree
from tenon_autograd import jit


def has_box(x):
    found = []
    tree(lambda leaf: found.append(leaf) if isbox(leaf) else None, x)
    return bool(found)


def wrap_vjp(make_vjp):
    @functools.wraps(make_vjp)
    def wrapped(f, x):
        vjp, value = make_vjp(f, x)
        if has_box(x):
            return vjp, value
        compiled = jit(lambda x, g: make_vjp(f, x)[0](g), recordings=1, threads=1)
        return (lambda g: compiled(x, g)), value
    return wrapped


def wrap_jvp(make_jvp):
    @functools.wraps(make_jvp)
    def wrapped(f, x):
        if has_box(x):
            return make_jvp(f, x)
        compiled = jit(lambda x, g: make_jvp(f, x)(g), recordings=1, threads=1)
        return lambda g: compiled(x, g)
    return wrapped


test_util.make_vjp, test_util.make_jvp = wrap_vjp(autograd.core.make_vjp), wrap_jvp(autograd.core.make_jvp)
operators._make_vjp, operators._make_jvp = wrap_vjp(operators._make_vjp), wrap_jvp(operators._make_jvp)


def report():
    if os.environ.get("BRIDGE_COUNTS"):
        with open(os.environ["BRIDGE_COUNTS"], "w") as f:
            json.dump(tenon_autograd.counts, f)


atexit.register(report)
