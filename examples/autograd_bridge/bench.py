"""Autograd's own examples with and without the bridge: one evaluation of value and gradient. usage: bench.py EXAMPLES_FOLDER [--seconds S]

Each objective is the example's, with the data that the example makes (random digits where it would download). Variants take turns on one
thread each; the median of their processor time is printed, which does not depend on who else uses the machine, and how far results are off
in units of the largest gradient. JSON goes to stdout's last line.
"""
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy starts its threads

import argparse
import contextlib
import io
import json
import pathlib
import platform
import statistics
import sys
import time
import warnings

import autograd
import autograd.numpy as np
import numpy as onp
from autograd import value_and_grad

import tenon
import tenon_autograd
from tenon_autograd import jit

warnings.filterwarnings("ignore")


def neural_net(folder):
    import neural_net as e
    rs = onp.random.RandomState(0)
    images, labels = rs.rand(256, 784), onp.eye(10)[rs.randint(0, 10, 256)]
    # the batch is an argument, as it changes from step to step
    return lambda p, x, y: -e.log_posterior(p, x, y, 1.0), (e.init_random_params(0.1, [784, 200, 100, 10]), images, labels)


def neural_net_regression(folder):
    import neural_net_regression as e
    inputs, targets = e.build_toy_dataset()
    return (lambda w: -e.logprob(w, inputs, targets) - e.log_gaussian(w, 10.0)), (e.init_random_params(0.1, [1, 4, 4, 1]),)


def rnn(folder):
    import rnn as e
    data = e.build_dataset(folder / "rnn.py", sequence_length=30, alphabet_size=128, max_lines=60)
    return (lambda p: -e.rnn_log_likelihood(p, data, data)), (e.create_rnn_params(128, 40, 128),)


def lstm(folder):
    import lstm as e
    from rnn import build_dataset
    data = build_dataset(folder / "lstm.py", sequence_length=30, alphabet_size=128, max_lines=60)
    return (lambda p: -e.lstm_log_likelihood(p, data, data)), (e.init_lstm_params(128, 40, 128),)


def gmm(folder):
    import gmm as e
    from data import make_pinwheel
    data = make_pinwheel(radial_std=0.3, tangential_std=0.05, num_classes=3, num_per_class=100, rate=0.4)
    return (lambda p: -e.gmm_log_likelihood(p, data)), (e.init_gmm_params(num_components=10, D=2, scale=0.1),)


def hmm(folder):
    import hmm_em as e
    onp.random.seed(0)
    parameters = [onp.log(a) for a in e.initialize_hmm_parameters(20, 64)]
    data = onp.random.RandomState(0).randint(0, 64, 300)
    return (lambda p: e.log_partition_function(p, data)), (parameters,)


def fluidsim(folder):
    sys.path.insert(0, str(folder / "fluidsim"))
    import matplotlib.pyplot as plt
    import fluidsim as e
    target = plt.imread(folder / "fluidsim" / "skull.png")[::2, ::2].astype(float)
    smoke = plt.imread(folder / "fluidsim" / "init_smoke.png")[:, :, 0].astype(float)
    rows, cols = target.shape

    def objective(params, smoke):
        vx, vy = np.reshape(params[:rows * cols], (rows, cols)), np.reshape(params[rows * cols:], (rows, cols))
        return np.mean((target - e.simulate(vx, vy, smoke, 10)) ** 2)
    # the smoke is an argument: an array of NumPy itself would refuse an index that the program computes
    return objective, (onp.random.RandomState(0).randn(2 * rows * cols) * 0.1, smoke)


CASES = [neural_net, neural_net_regression, rnn, lstm, gmm, hmm, fluidsim]


def flat(tree):
    if isinstance(tree, dict):
        return onp.concatenate([flat(tree[k]) for k in sorted(tree)])
    return onp.concatenate([flat(x) for x in tree]) if isinstance(tree, (list, tuple)) else onp.ravel(tree)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only")
    args = parser.parse_args()
    sys.path.insert(0, str(args.examples))
    import matplotlib
    matplotlib.use("Agg")
    rows = []
    print("| example | autograd ms | bridge f64 ms | ratio | bridge f32 ms | ratio | f32 off by | nodes in Tenon | record and compile s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        if args.only and case.__name__ not in args.only.split(","):
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            objective, inputs = case(args.examples)
            eager = value_and_grad(objective)
            wanted = flat(eager(*inputs)[1])
            variants = {"autograd": eager}
            seconds = {}
            for name, precision in (("f64", None), ("f32", "f32")):
                tenon_autograd.counts.clear()
                variants[name] = jit(eager, precision=precision, threads=1)
                start = time.thread_time()
                for _ in range(3):
                    found = flat(variants[name](*inputs)[1])
                seconds[name] = time.thread_time() - start
            counts = dict(tenon_autograd.counts)
            off = float(onp.abs(found - wanted).max() / onp.abs(wanted).max())
            times = {name: [] for name in variants}
            end = time.perf_counter() + args.seconds
            while time.perf_counter() < end or len(times["f32"]) < 5:
                for name, f in variants.items():
                    start = time.thread_time()
                    f(*inputs)
                    times[name].append(time.thread_time() - start)
        ms = {name: statistics.median(t) * 1e3 for name, t in times.items()}
        inside = sum(n for k, n in counts.items() if k.startswith("node "))
        stay = sum(n for k, n in counts.items() if k.startswith("stays "))
        rows.append({"example": case.__name__, "ms": ms, "off": off, "inside": inside, "stay": stay, "compile_s": seconds["f32"],
                     "why": {k: n for k, n in counts.items() if not k.startswith("node ")}})
        print(f"| {case.__name__} | {ms['autograd']:.2f} | {ms['f64']:.2f} | {ms['autograd'] / ms['f64']:.1f} | {ms['f32']:.2f} | "
              f"{ms['autograd'] / ms['f32']:.1f} | {off:.0e} | {inside} of {inside + stay} | {seconds['f32']:.1f} |", flush=True)
    manifest = {"tenon": tenon.__version__, "autograd": getattr(autograd, "__version__", "1.9.1"), "numpy": onp.__version__,
                "python": platform.python_version(), "machine": platform.machine(), "rows": rows}
    print(json.dumps(manifest))


main()
