"""Measures Tenon against ONNX Runtime and writes bench/results/*.json and the table of docs/performance.md.

Usage: scripts/bench [--quick] [--budget S] [--limit S] [--only NAME,NAME] [--threads 1,2]    (docs/measuring.md)
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
FAST = {"squeezenet1.1", "mobilenetv2-035", "seeded/resnet50", "seeded/densenet121", "light/vgg19", "super-resolution-10",
        "ultraface-rfb-320"}
# (name, multiply-adds of one run)
KERNELS = {"matmul 1024x1024x1024": 1024**3, "conv 3x3 256x14x14": 256 * 256 * 9 * 14 * 14,
           "conv 3x3 64x56x56": 64 * 64 * 9 * 56 * 56, "conv 1x1 256x56x56": 256 * 256 * 56 * 56}
MARK = "<!-- bench: made by `make bench`, do not edit -->", "<!-- bench: end -->"


def median(samples):
    s = sorted(samples)
    return (s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2


# ---- children: one fresh process each, JSON into a file -----------------------------------------------------------

def input_files(model):
    folder = pathlib.Path(model).parent / "test_data_set_0"
    if str(model).endswith("light_vgg19.onnx"):
        folder = pathlib.Path(os.environ["BENCH_SHARED"]) / "light-seeded"
    return sorted(folder.glob("input_*.pb"), key=lambda f: int(f.stem.split("_")[1]))


def peer_session(model, threads):
    """A session of ONNX Runtime and its bound call; inputs and outputs are bound once, as Tenon's are."""
    import onnxruntime as ort
    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads, o.log_severity_level = threads, 1, 3
    o.add_session_config_entry("session.force_spinning_stop", "1")  # its idle threads must not take Tenon's processors
    return ort.InferenceSession(str(model), o, providers=["CPUExecutionProvider"])


def peer_bind(session, files):
    import onnx
    import onnxruntime as ort
    from onnx import numpy_helper
    arrays = [numpy_helper.to_array(onnx.load_tensor(str(f))) for f in files]
    binding, names = session.io_binding(), [i.name for i in session.get_inputs()]
    for name, array in zip(names, arrays):
        binding.bind_cpu_input(name, array)
    for o in session.get_outputs():
        binding.bind_output(o.name, "cpu")
    session.run_with_iobinding(binding)
    first = binding.get_outputs()
    # outputs of the first run are written again and again, as Tenon's are
    if all(v.is_tensor() for v in first):
        binding.clear_binding_outputs()
        for o, value in zip(session.get_outputs(), first):
            binding.bind_ortvalue_output(o.name, value)
    return names, lambda: session.run_with_iobinding(binding), lambda: [v.numpy() for v in binding.get_outputs()]


def difference(ours, theirs):
    """Largest absolute difference over all outputs, and the largest absolute value of the peer's."""
    import numpy as np
    worst, scale = 0.0, 0.0
    if len(ours) != len(theirs):
        return None, None
    for a, b in zip(ours, theirs):
        if a is None or a.shape != b.shape:
            return None, None
        if not a.size:
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            d = np.where(same, 0, np.abs(a - b))
        worst = max(worst, float("inf") if np.isnan(d).any() else float(d.max()))
        scale = max(scale, float(np.nanmax(np.abs(b))) if not np.isnan(b).all() else 0.0)
    return (worst if np.isfinite(worst) else "inf"), (scale if np.isfinite(scale) else "inf")


def sample(run, calls):
    start = time.perf_counter_ns()
    for _ in range(calls):
        run()
    return round((time.perf_counter_ns() - start) / calls / 1e9, 9)


def pairs(model, threads, budget, least, cache):
    import numpy as np
    import tenon_abi
    files = input_files(model)
    session = peer_session(model, threads)
    names, run_peer, peer_results = peer_bind(session, files)
    ours = tenon_abi.Model(tenon_abi.Library(BUILD / "libtenon.so"), model, files, threads, cache)
    if ours.input_names != names:
        raise RuntimeError(f"inputs {ours.input_names} of Tenon, {names} of ONNX Runtime")
    ours.run()
    diff, scale = difference(ours.results(), peer_results())
    both, calls = (ours.run, run_peer), [1, 1]
    for k, run in enumerate(both):  # warm-up; short calls are sampled in batches of at least 2 ms
        for _ in range(2):
            run()
        calls[k] = max(1, min(1000, int(2e-3 / sample(run, 1)) + 1))
    end, found = time.monotonic() + budget, ([], [])
    while time.monotonic() < end or len(found[0]) < least:
        for k in (0, 1):
            found[k].append(sample(both[k], calls[k]))
    random = np.random.default_rng(20260101)
    t, p = np.array(found[0]), np.array(found[1])
    picks = random.integers(0, len(t), (2000, len(t)))  # pairs stay pairs: what disturbs one often disturbs its neighbour
    ratios = np.median(p[picks], axis=1) / np.median(t[picks], axis=1)
    ours.close()
    return {"threads": threads, "pairs": len(t), "calls_per_sample": calls, "tenon_s": found[0], "ort_s": found[1],
            "tenon_median_s": median(found[0]), "ort_median_s": median(found[1]), "ratio": median(found[1]) / median(found[0]),
            "ratio_95": [float(x) for x in np.percentile(ratios, [2.5, 97.5])], "max_abs_difference": diff, "max_abs": scale}


def peak_bytes():
    with open("/proc/self/status") as f:  # of this program only; ru_maxrss would start at the parent's
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def start_up(model, who, threads, cache):
    """File to first answer and peak memory of a fresh process."""
    files = input_files(model)
    import tenon_abi  # numpy in both, so that both have the same ground
    if who == "tenon":
        library, ground, start = tenon_abi.Library(BUILD / "libtenon.so"), peak_bytes(), time.perf_counter()
        tenon_abi.Model(library, model, files, threads, cache).run()
    else:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        ground, start = peak_bytes(), time.perf_counter()
        peer_bind(peer_session(model, threads), files)
    return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes(), "ground_bytes": ground}


def child(request):
    job = json.loads(request)
    kind = job.pop("kind")
    try:
        print("\n" + json.dumps({"pairs": pairs, "start_up": start_up}[kind](**job)))
    except Exception as e:  # noqa: BLE001 - whatever a peer raises belongs into the report
        print("\n" + json.dumps({"error": f"{type(e).__name__}: {e}"[:500]}))


def spawn(time_limit=120, **job):
    try:
        done = subprocess.run([sys.executable, __file__, "--child", json.dumps(job)], capture_output=True, text=True,
                              timeout=time_limit)
    except subprocess.TimeoutExpired:
        return {"error": f"took more than {time_limit} s"}
    lines = done.stdout.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"error": f"ended with status {done.returncode}: {done.stderr.strip()[-300:]}"}


# ---- the parts of a full run --------------------------------------------------------------------------------------

def make_kernel_models(folder):
    """One-node models with random weights, each with its input file."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    random = np.random.default_rng(1)

    def write(name, node, x, w, out):
        graph = helper.make_graph([node], "kernel", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
                                  [numpy_helper.from_array((random.standard_normal(w) / 16).astype(np.float32), "w")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        place = folder / name.replace(" ", "_") / "test_data_set_0"
        place.mkdir(parents=True, exist_ok=True)
        onnx.save(model, str(place.parent / "model.onnx"))
        data = numpy_helper.from_array(random.standard_normal(x).astype(np.float32), "x")
        (place / "input_0.pb").write_bytes(data.SerializeToString())
        return name, place.parent / "model.onnx"

    def conv(name, c, size, k):
        return write(name, helper.make_node("Conv", ["x", "w"], ["y"], pads=[k // 2] * 4), [1, c, size, size], [c, c, k, k],
                     [1, c, size, size])
    n = list(KERNELS)
    return [write(n[0], helper.make_node("MatMul", ["x", "w"], ["y"]), [1024, 1024], [1024, 1024], [1024, 1024]),
            conv(n[1], 256, 14, 3), conv(n[2], 64, 56, 3), conv(n[3], 256, 56, 1)]


def find_models(shared):
    found = {f.parent.name: f for f in sorted((shared / "models").glob("*/model.onnx"))}
    found |= {"seeded/" + f.parent.name: f for f in sorted((ROOT / "build/data/seeded").glob("*/model.onnx"))}
    vgg = ROOT / "build/data/light/light_vgg19.onnx"
    return found | ({"light/vgg19": vgg} if vgg.exists() else {})


def text_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    except OSError:
        return ""


def machine():
    import numpy
    import onnxruntime
    import tenon_abi
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    return {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "cpu": cpu,
            "processors": len(os.sched_getaffinity(0)), "load_average": os.getloadavg(), "kernel": platform.release(),
            "tenon": tenon_abi.Library(BUILD / "libtenon.so").version(), "onnxruntime": onnxruntime.__version__,
            "numpy": numpy.__version__, "python": platform.python_version(),
            "commit": text_of("git", "rev-parse", "--short=10", "HEAD"), "dirty": bool(text_of("git", "status", "--porcelain")),
            "command": sys.argv}


def measure_start_up(model, threads, cache, times):
    found = {"threads": threads, "cold": [], "cached": [], "ort": []}
    for _ in range(times):
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        for kind, who in (("cold", "tenon"), ("cached", "tenon"), ("ort", "ort")):
            found[kind].append(spawn(kind="start_up", model=str(model), who=who, threads=threads, cache=str(cache)))
    return found


def ceilings(cache):
    done = subprocess.run([BUILD / "tenon", "info", "--measure", "--json"], capture_output=True, text=True,
                          env=os.environ | {"XDG_CACHE_HOME": str(cache)})
    return json.loads(done.stdout)["ceilings"] if done.returncode == 0 else None


def program(work, name, *arguments):
    """What a program of bench/ prints."""
    done = subprocess.run([BUILD / "bench" / name, *arguments], capture_output=True, text=True,
                          env=os.environ | {"XDG_CACHE_HOME": str(work / "cache")})
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip()}


def measure(a, work):
    end = time.monotonic() + a.limit
    models = find_models(a.shared)
    if not models:
        sys.exit(f"bench: no models in {a.shared}/models; TENON_SHARED names another place")
    only = set(a.only.split(",")) if a.only else None
    if only:
        if only - set(models) - {"kernels", "minifw"}:
            sys.exit(f"bench: no model {', '.join(sorted(only - set(models)))}; there are {', '.join(models)}")
    record = {"machine": machine(), "models": {}, "kernels": {}}
    record["call"] = program(work, "call_overhead")
    if not only or "minifw" in only:
        record["minifw"] = program(work, "minifw_bridge") | program(work, "minifw_bridge", a.shared / "datasets/mnist-t10k")
    if "seeded/resnet50" in models and (not only or "seeded/resnet50" in only):
        record["start_up"] = measure_start_up(models["seeded/resnet50"], max(a.threads), work / "cold", a.start_ups)
    cases = [("kernels", n, f) for n, f in make_kernel_models(work)] if not only or "kernels" in only else []
    if cases:
        record["ceilings"] = ceilings(work / "cache")
    cases += [("models", n, f) for n, f in models.items() if not only or n in only]
    left = sum(1 if part == "kernels" else len(a.threads) for part, _, _ in cases)
    for part, name, file in cases:
        for threads in (a.threads if part == "models" else [1]):
            # what is left is shared out so that the whole stays below --limit; loading and compiling takes some of it too
            budget = max(0.1, min(a.budget, (end - time.monotonic()) / left - 1.0))
            row = spawn(min(120, max(20, end - time.monotonic())), kind="pairs", model=str(file), threads=threads, budget=budget, least=a.pairs,
                        cache=str(work / "cache"))
            left -= 1
            row.setdefault("threads", threads)
            record[part].setdefault(name, []).append(row)
            print(f"{name:28s} {threads} threads  " + (row.get("error") or f"{row['ratio']:.2f} of ONNX Runtime "
                  f"[{row['ratio_95'][0]:.2f}, {row['ratio_95'][1]:.2f}]  {1e3 * row['tenon_median_s']:.3f} ms"), flush=True)
    if cases and record.get("ceilings"):
        record["ceilings_after"] = ceilings(work / "cache")
    record["machine"]["load_average_after"] = os.getloadavg()
    record["seconds"] = round(a.limit - (end - time.monotonic()), 1)
    return record


# ---- the table ----------------------------------------------------------------------------------------------------

def line(what, found, target, met):
    return f"| {what} | {found} | {target} | {'not measured' if met is None else 'met' if met else 'not met'} |"


def minifw_lines(r):
    text = []
    for x in r.get("overhead", []):
        text.append(line(f"minifw's bridge, own work per call of a cluster of {x['nodes']} nodes", f"{x['own_ns'] / 1e3:.2f} us", "<= 2 us",
                         x["own_ns"] <= 2000))
    alone = {x["model"]: x for x in r.get("training", []) if not x["bridge_threads"]}
    for x in r.get("training", []):
        if not x["bridge_threads"]:
            continue
        y, threads = alone[x["model"]], x["bridge_threads"]
        text.append(line(f"minifw, training step of the {x['model']} with the bridge, {threads} thread{'s' if threads > 1 else ''} (alone: 1)",
                         f"{x['step_ms']:.3f} ms, alone {y['step_ms']:.3f} ms: {y['step_ms'] / x['step_ms']:.1f} times as fast; first step "
                         f"{x['first_ms']:.0f} ms; accuracy {x['accuracy']:.4f}, alone {y['accuracy']:.4f}", ">= 10 times",
                         y["step_ms"] >= 10 * x["step_ms"] and abs(x["accuracy"] - y["accuracy"]) <= 0.01))
    if "error" in r:
        text.append(line("minifw", r["error"].replace("|", "/")[:120], "", None))
    return text


def table(r):
    m, rows = r["machine"], []
    for name, runs in r["models"].items():
        target = 0.8 if name in FAST else 0.5
        for x in runs:
            what = f"{name}, {x['threads']} thread{'s' if x['threads'] > 1 else ''}"
            if "error" in x:
                rows.append(f"| {what} | {x['error'].replace('|', '/')[:120]} | | | | >= {target} | not met |")
                continue
            d = x["max_abs_difference"]
            d = d if isinstance(d, str) else "not comparable" if d is None else f"{d:.1e}"
            rows.append(f"| {what} | {1e3 * x['tenon_median_s']:.3f} | {1e3 * x['ort_median_s']:.3f} | {x['ratio']:.2f} "
                        f"[{x['ratio_95'][0]:.2f}, {x['ratio_95'][1]:.2f}] | {d} | >= {target} | "
                        f"{'met' if x['ratio'] >= target else 'not met'} |")
    text = [f"{m['date']}, commit {m['commit']}{' (with changes)' if m['dirty'] else ''}, {m['cpu']}, {m['processors']} processors,"
            f" load {m['load_average'][0]:.1f}, Linux {m['kernel']}, ONNX Runtime {m['onnxruntime']}. Ratio = time of ONNX Runtime /"
            " time of Tenon (medians), with its 95 % interval.", "",
            "| model | Tenon ms | ONNX Runtime ms | ratio | largest difference | target | |", "|---|--:|--:|--:|--:|--:|---|", *rows,
            "", "| other | found | target | |", "|---|--:|--:|---|"]
    rate = (r.get("ceilings") or {}).get("fma_f32")
    for name, runs in r["kernels"].items():
        x = runs[0]
        if "error" in x or not rate:
            text.append(line(name, x.get("error", "no FMA rate").replace("|", "/")[:120], ">= 88 %", None))
            continue
        share, peer = (2 * KERNELS[name] / x[k] / rate for k in ("tenon_median_s", "ort_median_s"))
        text.append(line(f"{name}, share of the FMA rate ({rate / 1e9:.1f} GFLOP/s)",
                         f"{100 * share:.0f} % (ONNX Runtime {100 * peer:.0f} %)", ">= 88 %", share >= 0.88))
    ns = r["call"].get("ns_per_call")
    text.append(line("one call, addition of 16 elements", f"{median(ns) / 1e3:.2f} us" if ns else r["call"].get("error"), "<= 2 us",
                     median(ns) <= 2000 if ns else None))
    text += minifw_lines(r.get("minifw") or {})
    s = r.get("start_up")
    bad = s and next((x["error"] for k in ("cold", "cached", "ort") for x in s[k] if "error" in x), None)
    if s and not bad:
        t = {k: median(x["seconds"] for x in s[k]) for k in ("cold", "cached", "ort")}
        b = {k: median(x["peak_bytes"] for x in s[k]) for k in ("cold", "cached", "ort")}
        text += [line("ResNet-50, file to first answer, cold", f"{t['cold']:.2f} s (ONNX Runtime {t['ort']:.2f} s)", "<= 1.5 s",
                      t["cold"] <= 1.5),
                 line("ResNet-50, file to first answer, from the cache", f"{t['cached']:.3f} s", "<= 0.15 s", t["cached"] <= 0.15)]
        for k in ("cold", "cached"):
            text.append(line(f"ResNet-50, peak memory, {k}", f"{b[k] / 2**20:.0f} MiB, {b[k] / b['ort']:.2f} of ONNX Runtime",
                             "<= 1.2", b[k] <= 1.2 * b["ort"]))
    else:
        text.append(line("ResNet-50, start and memory", (bad or "").replace("|", "/")[:120], "", None))
    return "\n".join(text)


def section(record, name):
    """What docs/performance.md has between its marks; `name`: where the record is."""
    return f"{MARK[0]}\n\n{table(record)}\n\nAll samples: `{name}`.\n\n{MARK[1]}"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--child", help=argparse.SUPPRESS)
    p.add_argument("--shared", type=pathlib.Path, default=pathlib.Path(os.environ.get("TENON_SHARED", ROOT / "../shared")))
    p.add_argument("--budget", type=float, default=2.0, help="seconds of pairs per model and thread count")
    p.add_argument("--limit", type=float, default=220.0, help="seconds in all; the budget shrinks to keep it")
    p.add_argument("--pairs", type=int, default=5, help="pairs at least")
    p.add_argument("--start-ups", type=int, default=3, help="fresh processes of each kind")
    p.add_argument("--threads", type=lambda t: [int(x) for x in t.split(",")], default=[1, 2])
    p.add_argument("--only", help="names of models, `kernels`, `minifw`; docs/performance.md is not written then")
    p.add_argument("--quick", action="store_true", help="few pairs, one thread; writes build/bench/quick.json only")
    a = p.parse_args()
    if a.child:
        return child(a.child)
    if a.quick:
        a.budget, a.pairs, a.threads, a.start_ups = 0.2, 3, [1], 1
    a.shared = a.shared.resolve()
    os.environ["BENCH_SHARED"] = str(a.shared)
    if not (BUILD / "libtenon.so").exists():
        sys.exit("bench: build/release/libtenon.so is not here: make build-release")
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as work:
        record = measure(a, pathlib.Path(work))
    m, whole = record["machine"], not (a.quick or a.only)
    name = f"results/{m['date'][:10]}-{m['commit']}.json" if whole else "quick.json"
    out = (ROOT / "bench" if whole else ROOT / "build/bench") / name
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=None, separators=(",", ":")) + "\n")
    print("\n" + table(record) + f"\n\nbench: {record['seconds']} s, samples in {out.relative_to(ROOT)}")
    if whole:
        page = ROOT / "docs/performance.md"
        before, rest = page.read_text().split(MARK[0])
        page.write_text(before + section(record, f"bench/{name}") + rest.split(MARK[1])[1])


if __name__ == "__main__":
    main()
