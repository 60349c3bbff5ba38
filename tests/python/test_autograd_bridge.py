"""examples/autograd_bridge: programs against autograd itself."""
import pathlib
import sys

import numpy as onp
import pytest

pytest.importorskip("autograd", reason="autograd is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "autograd_bridge"))

import autograd.numpy as np
from autograd import grad, hessian, jacobian, make_jvp, value_and_grad
from autograd.misc.flatten import flatten
from autograd.scipy.special import logsumexp

import tenon_autograd
from tenon_autograd import jit

RS = onp.random.RandomState(0)
X = RS.randn(5, 4)


def check(f, *args, plain=False, rtol=1e-9, **options):
    """jit(f) at four calls, two of them compiled, with other values each time, against f."""
    tenon_autograd.counts.clear()
    fast = jit(f, **options)
    for k in range(4):
        now = [a + 0.1 * k if isinstance(a, (float, onp.ndarray)) else a for a in args]
        got, wanted = flatten(fast(*now))[0], flatten(f(*now))[0]
        onp.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)
    assert bool(tenon_autograd.counts["compiled"]) != plain, tenon_autograd.counts
    return tenon_autograd.counts


def net(params, x):
    for w, b in params:
        x = np.tanh(np.dot(x, w) + b)
    return np.sum(logsumexp(x, axis=1)) + np.mean(np.where(x > 0, x, 0.1 * x)[:, ::2] ** 2)


PARAMS = [(RS.randn(4, 6), RS.randn(6)), (RS.randn(6, 3), RS.randn(3))]


def test_value_and_gradients_of_containers():
    counts = check(value_and_grad(net), PARAMS, X)
    assert not any(k.startswith("stays") for k in counts)
    check(grad(lambda d, x: np.sum(d["a"] * x) + np.sum(d["b"][0] ** 2)), {"a": X, "b": (X, 2.0)}, X)


def test_higher_orders_and_forward_mode():
    check(hessian(lambda x: np.sum(np.sin(x) * x[0] ** 3)), X[0])
    check(jacobian(lambda x: np.outer(x, np.exp(x)).ravel()), X[0])
    check(lambda x, v: make_jvp(lambda y: np.tensordot(y, y.T, 1))(x)(v), X, X + 1)


def test_indices_and_sparse_gradients():
    rows = onp.array([0, 2, 2])
    check(grad(lambda x: np.sum(x[rows] ** 2) + x[1, 2] * x[-1, 0] + np.sum(x[::2, None, 1:])), X)
    # indices that the program computes
    check(grad(lambda x, at: np.sum(x[np.floor(at).astype(int), np.mod(np.floor(at).astype(int), 3)] ** 2)), X, onp.array([0.2, 1.2, 1.3, 3.4]))


def test_movement():
    check(grad(lambda x: np.sum(np.concatenate([np.roll(x, 2, axis=1), np.swapaxes(np.repeat(x, 2, axis=0)[:4, :4], 0, 1)]) ** 3)), X)
    check(grad(lambda x: np.sum(np.pad(np.tril(x[:4]), 1, "constant") * np.einsum("ij->i", np.ones((6, 6))))), X)
    check(grad(lambda x: np.sum(np.stack([x, x * 2]).transpose((2, 0, 1)) @ np.moveaxis(x, 0, 1).T.reshape(5, 4))), X)


def test_f32():
    check(value_and_grad(net), PARAMS, X, precision="f32", rtol=1e-4)
    result = jit(lambda x: x * 2, precision="f32", recordings=1)(X)
    assert result.dtype == onp.float64 and abs(result - 2 * X).max() < 1e-6


def test_what_numpy_keeps():
    counts = check(grad(lambda x: np.sum(np.linalg.solve(np.dot(x.T, x) + np.eye(4), np.exp(x.T))) * 2), X)
    assert any(k.startswith("stays solve") for k in counts) and any(k == "node exp" for k in counts)


@pytest.mark.parametrize("f, why", [(lambda x: x if np.sum(x) > 0 else 2 * x, "a branch on a value"),
                                    (lambda x: np.fft.fft(x) * 1j * 0 + x, None),
                                    (lambda x: float(np.sum(x)) * x, "")])
def test_functions_that_are_not_compiled_run_as_they_are(f, why):
    fast = jit(f)
    tenon_autograd.counts.clear()
    for k in range(3):
        onp.testing.assert_allclose(fast(X + k), f(X + k))
    assert why is None or any(w.startswith(f"plain: {why}") for w in tenon_autograd.counts)


def test_random_numbers_and_state_are_noticed():
    state = onp.random.RandomState(1)
    check_count = tenon_autograd.counts
    check_count.clear()
    noisy = jit(lambda x: x + state.randn(*x.shape))
    results = [noisy(X) for _ in range(4)]
    assert check_count["plain: it changes from call to call"] == 1 and not (results[2] == results[3]).all()


def test_inside_another_trace_it_is_transparent():
    inner = jit(lambda x: np.sum(x ** 3))
    for _ in range(3):
        onp.testing.assert_allclose(grad(inner)(X), 3 * X ** 2)


def test_errors_of_the_function_are_its_own():
    with pytest.raises(ZeroDivisionError):
        jit(lambda x: x * (1 // 0))(X)
    assert jit(lambda x: x + 1)(2.0) == 3.0, "and autograd's trace stack is as it was"
    check(grad(lambda x: x ** 2), 1.5)


def test_at_most_500_lines():
    folder = pathlib.Path(tenon_autograd.__file__).parent
    assert sum(len((folder / name).read_text().splitlines()) for name in ("tenon_autograd.py", "rules.py")) <= 500
