"""Tenon under HIPS autograd: jit(f) records f once as autograd sees it, compiles what Tenon has, and leaves the rest to NumPy.

    step = jit(value_and_grad(loss))          # f may itself call grad, jacobian, hessian_vector_product, ...
    value, gradients = step(parameters, x)    # arrays and floats in lists, tuples and dicts

A Box of autograd's outermost trace goes through f; its node class, Recorder, notes every primitive. Derivatives need nothing of their own:
they are primitives too. Containers and sparse gradients are resolved while recording. What is left is a list of primitives over arrays;
each is lowered alone first, and what has no rule (rules.py), or another result, stays with NumPy.

f must do the same for all inputs of the same shapes. This is checked: f is recorded at its first two calls, and compiled only if both gave
the same program. Where f looks at a value (`if x > 0`), draws random numbers or fails under the recorder, it is called as it is.
"""
import collections
import functools
import threading
import warnings
import autograd.builtins as builtins
import autograd.core as core
import autograd.numpy.numpy_wrapper as anp
import numpy as np
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vjps import untake
from autograd.tracer import Box, Node, box_type_mappings, isbox, new_box, trace_stack

import tenon
from rules import ADD_AT, Lowering, NotLowered, Ref, refs, tree

VS = core.VSpace
counts = collections.Counter()  # of what jit did: "compiled", "plain: <why>", "node <op>", "stays <op>: <why>"
_lock = threading.RLock()  # autograd's own trace stack is not for threads
_EXTRA = (np.bool_, np.int64, np.int32, int, bool)  # results that autograd does not differentiate but a program may need
Step = collections.namedtuple("Step", "fun args kwargs out")
Sparse = collections.namedtuple("Sparse", "kind x index")  # a gradient that was not added to anything yet: autograd's SparseObject

class Depends(Exception):
    """The program depends on a value, or has what cannot be recorded."""

def refuse(why):
    raise Depends(why)
name_of = lambda fun: getattr(fun, "__name__", str(fun))
is_leaf = lambda x: isinstance(x, (np.ndarray, float, np.floating))
value_of = lambda x: value_of(x._value) if isbox(x) else x

class Program:
    """The steps of one recording."""
    def __init__(self):
        self.steps, self.n = [], 0

    def new(self, value):
        self.n += 1
        return Ref(self.n - 1, np.shape(value), np.result_type(value))

    def emit(self, fun, args, value, kwargs={}):
        """Notes that fun(*args) gave `value`."""
        if any(isinstance(v, Ref) or isbox(v) for v in kwargs.values()):
            refuse("an array as a keyword")
        if not isinstance(value, (np.ndarray, np.generic, float, int)) or np.result_type(value) == object:
            refuse(f"{name_of(fun)} gives {type(value).__name__}")
        self.steps.append(Step(fun, tree(constant, list(args)), dict(kwargs), self.new(value)))
        return self.steps[-1].out

def constant(a):
    """A leaf of an operand. Arrays are copied: autograd adds to them in place."""
    if isbox(a) or isinstance(a, Sparse):
        refuse("an operand that cannot be recorded")
    return a.copy() if isinstance(a, np.ndarray) else a

def symbol(x):
    """What the program calls a box; anything else is a constant."""
    return x._node.symbol if isbox(x) and isinstance(x._node, Recorder) else x

class Recorder(Node):
    """Autograd's node of the outermost trace. `symbol`: a Ref, a Sparse, or a container of Refs and constants."""
    __slots__ = ["program", "symbol"]

    def __init__(self, value, fun, args, kwargs, argnums, parents):
        self.program = parents[0].program
        given = [tree(symbol, a) if type(a) in (tuple, list) else a for a in args]  # indices may have boxes in them
        for i, parent in zip(argnums, parents):
            given[i] = parent.symbol
        handler = STRUCTURE.get(fun)
        self.symbol = handler(self.program, *given, **kwargs) if handler else self.program.emit(fun, given, value, kwargs)

    def initialize_root(self, program, value):
        self.program, self.symbol = program, program.new(value)

# ---- containers, vector spaces and sparse gradients, resolved while recording -------------------------------------------------
def over(f, vs, *xs):
    """f over the arrays of containers of the vector space vs."""
    if vs.iscomplex:
        refuse("complex numbers")
    return vs._map(lambda v, *x: over(f, v, *x), *xs) if isinstance(vs, builtins.ContainerVSpace) else f(vs, *xs)

def binary(fun):
    """A step for two arrays, or the result for two constants."""
    return lambda program, vs, x, y: program.emit(fun, [x, y], vs.zeros()) if refs((x, y)) else fun.fun(x, y)

def add(program, vs, x, y):
    return over(lambda v, a, b: binary(anp.add)(program, v, a, b), vs, vs.zeros() if x is None else x, y)

def inner_prod(program, vs, x, y):
    if isinstance(vs, builtins.ContainerVSpace):
        parts = [inner_prod(program, *each) for each in zip(vs._values(vs.shape), vs._values(x), vs._values(y))]
        return functools.reduce(lambda a, b: program.emit(anp.add, [a, b], 0.0), parts)
    flat = [program.emit(anp.reshape, [a, (-1,)], np.zeros(vs.size, vs.dtype)) if isinstance(a, Ref) else np.ravel(a) for a in (x, y)]
    return program.emit(anp.dot, flat, vs.dtype.type(0)) if not vs.iscomplex else refuse("complex numbers")

def sparse_add(program, vs, x, new):
    x = vs.zeros() if x is None else x
    if not isinstance(new, Sparse):
        refuse("a sparse gradient of unknown making")
    if new.kind == "array":
        return program.emit(ADD_AT, [x, new.x, new.index], vs.zeros())
    elements = vs.shape[new.index]
    several = isinstance(new.index, slice)
    added = [add(program, *e) for e in zip(elements, x[new.index], new.x)] if several else add(program, elements, x[new.index], new.x)
    return vs._subval(x, new.index, added)

STRUCTURE = {
    builtins.container_take: lambda p, a, index: a[index] if not isinstance(a, Sparse) and not refs(index) else refuse("a computed index"),
    builtins.container_untake: lambda p, x, index, vs: Sparse("container", x, index),
    builtins.make_sequence: lambda p, kind, *xs: kind(xs),
    builtins.sequence_extend_right: lambda p, a, *xs: a + type(a)(xs),
    builtins.sequence_extend_left: lambda p, a, *xs: type(a)(xs) + a,
    builtins._make_dict: lambda p, keys, xs: dict(zip(keys, xs)),
    untake: lambda p, x, index, vs: Sparse("array", x, index),
    core.sparse_add: sparse_add, VS.add: add, VS.mut_add: add, VS.inner_prod: inner_prod,
    VS.covector: lambda p, vs, x: over(lambda v, a: a, vs, x),
    VS.scalar_mul: lambda p, vs, x, a: over(lambda v, y: binary(anp.multiply)(p, v, y, a), vs, x)}

def patch(fun, f):
    """Lets f change the second operand of a primitive before it is called."""
    cell, raw = next(c for c in fun.__closure__ if c.cell_contents is fun.fun), fun.fun
    cell.cell_contents = lambda x, second, *rest: raw(x, f(second), *rest)

for fun in (ArrayBox.__getitem__, untake):  # an index may be a tuple with boxes in it
    patch(fun, lambda index: tree(value_of, index) if type(index) is tuple else index)
for fun in (VS.mut_add, core.sparse_add):  # a sum in place would change constants of a program that is being recorded
    patch(fun, lambda x: tree(lambda a: a.copy() if isinstance(a, np.ndarray) and np.bool_ in box_type_mappings else a, x))

# ---- recording ----------------------------------------------------------------------------------------------------------------
def key_of(x, leaves):
    """A key for the shapes of x; its arrays and floats go to `leaves`."""
    if is_leaf(x):
        leaves.append(x)
        return (x.shape, x.dtype) if isinstance(x, np.ndarray) else type(x)
    if type(x) in (list, tuple, dict):
        return (type(x), *x, *[key_of(v, leaves) for v in x.values()]) if type(x) is dict else (type(x), *[key_of(v, leaves) for v in x])
    return (type(x), x)

def record(f, args):
    """Runs f on boxes. Returns its result, its program, and the result's tree of Refs and constants."""
    program, truth, top = Program(), Box.__bool__, trace_stack.top
    added = {t: ArrayBox for t in _EXTRA if t not in box_type_mappings}
    box_type_mappings.update(added)
    Box.__bool__ = lambda box: refuse("a branch on a value")
    try:
        with trace_stack.new_trace() as t:
            result = f(*tree(lambda x: new_box(x, t, Recorder.new_root(program, x)) if is_leaf(x) else x, args))
        return tree(lambda x: x._value if isbox(x) else x, result), program, tree(lambda x: tree(constant, symbol(x)), result)
    finally:
        Box.__bool__, trace_stack.top = truth, top  # an exception leaves autograd's stack as it was inside
        for t in added:
            del box_type_mappings[t]

def same(a, b):
    """Whether two recordings say the same, constants included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)) and not isinstance(a, Ref):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (np.ndarray, np.generic, float)):
        return np.array_equal(a, b, equal_nan=np.result_type(a).kind == "f")
    return a is b or a == b

# ---- from a program to clusters -------------------------------------------------------------------------------------------------
class Compiled:
    """A program cut into clusters for Tenon and steps for NumPy, in an order without cycles."""
    def __init__(self, program, result, n_inputs, precision, options):
        self.result, self.results, self.n_inputs = result, refs(result), n_inputs
        wanted, steps = {r.index for r in self.results}, []
        for step in reversed(program.steps):  # what nothing reads is left out
            if step.out.index in wanted:
                steps.append(step)
                wanted.update(r.index for r in refs(step.args))
        side, groups = {}, collections.defaultdict(list)  # of a value: how often its way changed sides, and the side
        for step in reversed(steps):
            why = self.why_not(step, precision)
            counts[f"node {name_of(step.fun)}" if why is None else f"stays {name_of(step.fun)}: {why}"] += 1
            before = [side[r.index] for r in refs(step.args) if r.index in side]
            side[step.out.index] = (max((n + (native != (why is not None)) for n, native in before), default=0), why is not None)
            groups[side[step.out.index]].append(step)
        self.parts = [(None, group, None) if native else self.cluster(group, groups, precision, options)
                      for (_, native), group in sorted(groups.items(), key=lambda item: item[0])]

    def why_not(self, step, precision):
        try:
            Lowering(tenon.Graph("try"), precision).step(step, alone=True)
        except Exception as error:  # also what the library refuses, or a form that the rule does not know
            return str(error) if isinstance(error, NotLowered) else type(error).__name__

    def cluster(self, group, groups, precision, options):
        made = {s.out.index for s in group}
        outside = {r.index for g in groups.values() if g is not group for s in g for r in refs(s.args)} | {r.index for r in self.results}
        lowering = Lowering(tenon.Graph("autograd"), precision)
        inputs = {r.index: lowering.input(r) for s in group for r in refs(s.args) if r.index not in made}
        for step in group:
            lowering.step(step)
        outputs = sorted(made & outside)
        for i in outputs:
            lowering.graph.output(f"v{i}", lowering.values[i])
        return tenon.compile(lowering.graph, options), [(i, tenon._dtypes.numpy_dtype(v.dtype)) for i, v in inputs.items()], outputs

    def __call__(self, leaves):
        values = dict(enumerate(leaves))
        for executable, group, outputs in self.parts:
            if executable is not None:
                made = executable.run([np.asarray(values[i], dtype) for i, dtype in group])
                values.update(zip(outputs, [t.numpy() for t in made]))
                continue
            for step in group:
                args = tree(lambda a: values[a.index] if isinstance(a, Ref) else a, step.args)
                values[step.out.index] = getattr(step.fun, "fun", step.fun)(*args, **step.kwargs)
        for r in self.results:  # in the dtype that autograd gave; scalars as NumPy has them
            if r.index >= self.n_inputs:
                values[r.index] = np.asarray(values[r.index], r.dtype)[()]
        return tree(lambda a: values[a.index] if isinstance(a, Ref) else a, self.result)

def jit(f, precision=None, recordings=2, **options):
    """f, compiled at its second call for each new set of shapes. options: those of tenon.compile.
    precision: "f32" computes f64 as f32 (inputs and results stay f64). recordings: 1 compiles at the first call, unchecked."""
    cache = {}
    def call(*args):
        leaves, boxes = [], []
        tree(lambda x: boxes.append(x) if isbox(x) else None, args)
        try:
            key = key_of(args, leaves)
            entry = "plain" if boxes else cache.get(key)  # inside another trace autograd must see the primitives
        except TypeError:  # an argument that cannot be a key
            entry = "plain"
        if isinstance(entry, Compiled):
            return entry(leaves)
        if entry == "plain":
            return f(*args)
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                value, program, result = record(f, args)
            except Exception as error:  # f itself may be wrong: then the plain call says so
                why = str(error) if isinstance(error, Depends) else type(error).__name__
            else:
                if entry is None and recordings > 1:
                    cache[key] = (program.steps, result)
                    return value
                if entry is None or same(entry, (program.steps, result)):
                    cache[key] = Compiled(program, result, len(leaves), precision, options)
                    counts["compiled"] += 1
                    return cache[key](leaves)
                why = "it changes from call to call"
            cache[key] = "plain"
            counts[f"plain: {why}"] += 1
        return f(*args)
    call.__name__ = f"jit_of_{name_of(f)}"
    return call
