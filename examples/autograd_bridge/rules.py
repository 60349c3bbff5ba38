"""How NumPy's primitives are said in ops of Tenon. A rule gets the step's operands as values (constants as they are)."""
import collections
import autograd.numpy.numpy_wrapper as anp
import numpy as np
from autograd.numpy import numpy_vjps as vjps
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.scipy import special
from autograd.tracer import trace_primitives_map

import tenon

RULES = {}
GETITEM = ArrayBox.__getitem__
Ref = collections.namedtuple("Ref", "index shape dtype")  # the array that a step gives, or an input
name_of_dtype, numpy_dtype = tenon._dtypes.dtype_name, tenon._dtypes.numpy_dtype

class NotLowered(Exception):
    """Why a step stays with NumPy."""

def refuse(why):
    raise NotLowered(why)

def tree(f, x):
    """f over the leaves of lists, tuples and dicts."""
    if type(x) in (list, tuple):
        return type(x)([tree(f, v) for v in x])
    return {k: tree(f, v) for k, v in x.items()} if type(x) is dict else f(x)

def refs(x):
    found = []
    tree(lambda a: found.append(a) if isinstance(a, Ref) else None, x)
    return found

def ADD_AT(x, new, index):
    """The step that a sparse gradient becomes: x with `new` added at `index`."""
    x = np.array(x)
    np.add.at(x, np.array(index, np.int64) if isinstance(index, list) and (not index or not isinstance(index[0], slice)) else index, new)
    return x

rule = lambda *functions: lambda f: RULES.update({g: f for g in functions})

class Lowering:
    """Lowers steps into `graph`; `values` has the Value of each Ref."""
    def __init__(self, graph, precision):
        self.graph, self.precision, self.values = graph, precision, {}

    def dtype(self, dtype):
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            refuse(str(dtype))
        return self.precision if self.precision and dtype == np.float64 else name_of_dtype(dtype)

    def input(self, ref):
        if ref.index not in self.values:
            self.values[ref.index] = self.graph.input(f"v{ref.index}", self.dtype(ref.dtype), ref.shape)
        return self.values[ref.index]

    def step(self, step, alone=False):
        """alone: the operands become inputs."""
        for r in refs(step.args) if alone else ():
            self.input(r)
        make = RULES.get(step.fun) or refuse("no rule")
        self.shape, self.wanted, self.fun = step.out.shape, self.dtype(step.out.dtype), step.fun
        value = make(self, *tree(lambda a: self.values[a.index] if isinstance(a, Ref) else a, step.args), **step.kwargs)
        value = value if value.dtype == self.wanted else value.astype(self.wanted)
        self.values[step.out.index] = value if value.shape == self.shape else refuse(f"gave {value.shape}, wanted {self.shape}")

    def value(self, a, dtype=None):
        """An operand as a value of `dtype` (default: the result's)."""
        dtype = dtype or self.wanted
        if isinstance(a, tenon.Value):
            return a if a.dtype == dtype else a.astype(dtype)
        return self.graph.constant(np.asarray(a).astype(numpy_dtype(dtype), order="C"))

    def own(self, a):
        """An operand as a value of its own dtype."""
        return a if isinstance(a, tenon.Value) else self.value(a, self.dtype(np.asarray(a).dtype))

shape_of = lambda x: x.shape if isinstance(x, tenon.Value) else np.shape(x)
truth = lambda c, x: c.value(c.own(x), "bool")

# ---- elementwise and reductions -------------------------------------------------------------------------------------------------
UNARY = dict(negative="neg", exp="exp", log="log", tanh="tanh", sinh="sinh", cosh="cosh", sqrt="sqrt", abs="abs", absolute="abs", fabs="abs", sin="sin",
             cos="cos", tan="tan", arcsin="asin", arccos="acos", arctan="atan", arcsinh="asinh", arccosh="acosh", arctanh="atanh", floor="floor",
             ceil="ceil", rint="round", sign="sign", reciprocal="reciprocal")
BINARY = dict(add="add", subtract="sub", multiply="mul", divide="div", true_divide="div", maximum="max", minimum="min", arctan2="atan2")
COMPARE = dict(greater="greater", greater_equal="greater_equal", less="less", less_equal="less_equal", equal="equal", not_equal="equal")
for name, op in UNARY.items():
    RULES[getattr(anp, name)] = lambda c, x, op=op: c.graph.op(op, c.value(x))
for name, op in BINARY.items():
    RULES[getattr(anp, name)] = lambda c, x, y, op=op: c.graph.op(op, c.value(x), c.value(y))
for name in ("and", "or", "xor"):
    RULES[getattr(anp, f"logical_{name}")] = lambda c, x, y, op=name: c.graph.op(op, truth(c, x), truth(c, y))

@rule(*(getattr(anp, name) for name in COMPARE))
def compare(c, x, y):
    a, b = c.own(x), c.own(y)
    dtype = name_of_dtype(np.result_type(numpy_dtype(a.dtype), numpy_dtype(b.dtype)))
    result = c.graph.op(COMPARE[c.fun.__name__], c.value(a, dtype), c.value(b, dtype))
    return ~result if c.fun is anp.not_equal else result

RULES[special.expit], RULES[special.erf] = lambda c, x: c.graph.sigmoid(c.value(x)), lambda c, x: c.graph.erf(c.value(x))
RULES[anp.square] = lambda c, x: c.value(x) * c.value(x)
RULES[anp.logical_not], RULES[anp.isnan] = lambda c, x: ~truth(c, x), lambda c, x: c.graph.is_nan(c.own(x))
RULES[anp.zeros_like] = RULES[anp.ones_like] = lambda c, x, **_: c.value(np.full(c.shape, c.fun is anp.ones_like))
RULES[anp._astype] = lambda c, x, *_, **__: c.value(x)
RULES[anp.clip] = lambda c, x, low, high: c.graph.clip(c.value(x), *(None if v is None else c.value(v) for v in (low, high)))
RULES[trace_primitives_map[np.where]] = lambda c, condition, x, y: c.graph.where(truth(c, condition), c.value(x), c.value(y))
RULES[anp.mod] = lambda c, x, y: c.value(x) % c.value(y)

@rule(anp.power)
def power(c, x, y):
    x = c.value(x)
    simple = {1: lambda: x, 2: lambda: x * x, 3: lambda: x * x * x, 0.5: lambda: c.graph.sqrt(x), -1: lambda: 1.0 / x,
              -0.5: lambda: 1.0 / c.graph.sqrt(x), -2: lambda: 1.0 / (x * x)}
    return simple[float(y)]() if not computed([y]) and np.ndim(y) == 0 and float(y) in simple and c.wanted[0] == "f" else c.graph.pow(x, c.value(y))

RULES[anp.logaddexp] = lambda c, x, y: c.graph.max(c.value(x), c.value(y)) + c.graph.softplus(-abs(c.value(x) - c.value(y)))

@rule(anp.sum, anp._primitive_mean, anp.max, anp.min, anp.amax, anp.amin, anp.prod, special.logsumexp)
def reduce(c, x, axis=None, dtype=None, keepdims=False, b=None):
    if b is not None:
        refuse("logsumexp with b")
    op = {"amax": "max", "amin": "min", "logsumexp": "log_sum_exp"}.get(c.fun.__name__, c.fun.__name__)
    return c.value(x)._reduce(f"reduce_{op}", axis if axis is None or isinstance(axis, int) else list(axis), bool(keepdims))

@rule(anp._primitive_var, anp._primitive_std)
def var(c, x, axis=None, ddof=0, keepdims=False):
    x = c.value(x)
    axes = list(range(x.ndim)) if axis is None else list(np.atleast_1d(axis))
    centred = x - x.mean(axes, True)
    result = (centred * centred).sum(axes, bool(keepdims)) * (1.0 / (np.prod([x.shape[a] for a in axes]) - ddof))
    return c.graph.sqrt(result) if c.fun is anp._primitive_std else result

# ---- products -------------------------------------------------------------------------------------------------------------------
def tensordot(c, a, b, axes=2):
    """Contracts axes[0] of a with axes[1] of b (an integer: the last of a with the first of b) as one matrix product."""
    a, b = c.value(a), c.value(b)
    if isinstance(axes, (int, np.integer)):
        n = max(0, int(axes))
        axes = (range(a.ndim - n, a.ndim), range(n))
    ax, bx = ([int(i) % max(1, v.ndim) for i in np.atleast_1d(s)] for s, v in zip(axes, (a, b)))
    a_free, b_free = ([i for i in range(v.ndim) if i not in s] for v, s in ((a, ax), (b, bx)))
    n = int(np.prod([a.shape[i] for i in ax]))
    left, right = (v if p == sorted(p) else v.transpose(p) for v, p in ((a, a_free + ax), (b, bx + b_free)))
    return (left.reshape(-1, n) @ right.reshape(n, -1)).reshape([a.shape[i] for i in a_free] + [b.shape[i] for i in b_free])

swap = lambda v: v.transpose([*range(v.ndim - 2), v.ndim - 1, v.ndim - 2])
@rule(anp.dot)
def dot(c, a, b):
    n, m = len(shape_of(a)), len(shape_of(b))
    return c.value(a) * c.value(b) if n == 0 or m == 0 else tensordot(c, a, b, ([n - 1], [max(0, m - 2)]))

@rule(vjps.dot_adjoint_0)
def dot_adjoint_0(c, b, g, a_meta, b_meta):
    n, m = a_meta[1], b_meta[1]
    return tensordot(c, g, b, max(0, m - (n != 0))) if m < 2 or n == 0 else tensordot(c, g, swap(c.value(b)), m - 1)

@rule(vjps.dot_adjoint_1)
def dot_adjoint_1(c, a, g, a_meta, b_meta):
    n, m = a_meta[1], b_meta[1]
    out = tensordot(c, g, a, max(0, n - (m != 0)) if n < 2 or m == 0 else [range(-n - m + 2, -m + 1), range(n - 1)])
    return swap(out) if m > 1 and n != 0 else out

RULES[anp.tensordot], RULES[anp.matmul] = tensordot, lambda c, a, b: c.value(a) @ c.value(b)
RULES[anp.outer] = lambda c, a, b: c.value(a).reshape(-1, 1) * c.value(b).reshape(1, -1)
RULES[anp.einsum] = lambda c, text, *xs: c.graph.einsum(*map(c.value, xs), equation=text.replace(" ", ""))

# ---- movement -------------------------------------------------------------------------------------------------------------------
for name in ("reshape", "ravel", "squeeze", "expand_dims", "atleast_1d", "atleast_2d", "atleast_3d"):
    RULES[getattr(anp, name)] = lambda c, x, *_, order=None, **__: c.value(x).reshape(c.shape) if order in (None, "C") else refuse("order")
RULES[anp._array_from_scalar_or_array] = lambda c, args, kwargs, x: c.value(x).reshape(c.shape)
RULES[anp.array_from_args] = lambda c, args, kwargs, *xs: c.graph.concat(
    *(c.value(x).reshape(1, *shape_of(x)) for x in xs), axis=0).reshape(c.shape)
RULES[anp.concatenate_args] = lambda c, axis, *xs: c.graph.concat(*(c.value(x) for x in xs if 0 not in shape_of(x)), axis=axis)
RULES[anp.broadcast_to] = lambda c, x, shape: c.graph.expand(c.value(x), np.asarray(c.shape, np.int64))

def numbers(c, x, *args, **kwargs):
    """Where c.fun, which only moves elements, puts those of x: NumPy moves their numbers. -1: not an element of x."""
    if computed(args):
        refuse("an argument that is computed")
    marks = np.arange(1, int(np.prod(x.shape)) + 1).reshape(x.shape)
    return np.asarray(getattr(c.fun, "fun", c.fun)(marks, *args, **kwargs)).astype(np.int64) - 1

@rule(anp.transpose, anp.swapaxes, anp.moveaxis, anp.rollaxis)
def move(c, x, *args, **kwargs):
    x = c.value(x)
    marks = np.lib.stride_tricks.as_strided(np.zeros(1), (2,) * x.ndim, [8 * (i + 1) for i in range(x.ndim)])
    return x.transpose([s // 8 - 1 for s in c.fun.fun(marks, *args, **kwargs).strides])

@rule(anp.roll, anp.flipud, anp.fliplr, anp.rot90, anp.repeat, anp.tile, anp.diag, anp.diagonal, anp.triu, anp.tril, anp.pad, anp.make_diagonal)
def gathered(c, x, *args, **kwargs):
    x = c.value(x)
    if c.fun is anp.pad and (kwargs.get("constant_values", 0) != 0 or args[1:] != ("constant",)):
        refuse("padding of another kind")
    if c.fun is anp.roll and len(args) == 1 and isinstance(kwargs.get("axis"), int) and isinstance(args[0], int):
        axis = kwargs["axis"] % x.ndim
        front, cut = (slice(None),) * axis, -args[0] % x.shape[axis]
        return c.graph.concat(x[(*front, slice(cut, None))], x[(*front, slice(0, cut))], axis=axis) if cut else x
    index = numbers(c, x, *args, **kwargs)
    flat = c.graph.concat(x.reshape(-1), c.value(np.zeros(1)), axis=0)  # index -1
    return c.graph.gather(flat, index.reshape(-1), axis=0).reshape(c.shape)

@rule(GETITEM)
def getitem(c, x, index):
    x, items = c.value(x), index if isinstance(index, tuple) else (index,)
    if all(i is None or i is Ellipsis or isinstance(i, (slice, int, np.integer)) and not isinstance(i, (bool, np.bool_)) for i in items):
        return x[items]
    if computed(items):
        return c.graph.gather_nd(x, indices(c, items))
    return c.graph.gather(x.reshape(-1), numbers(c, x, index).reshape(-1), axis=0).reshape(c.shape)

computed = lambda items: any(isinstance(i, tenon.Value) for i in items)

def indices(c, items):
    """Arrays of integers, one for each of the first axes, as one array for gather_nd and scatter_nd."""
    arrays = [c.own(i) for i in items]
    if not all(a.dtype[0] == "i" for a in arrays):
        refuse("an index that is computed")
    shape = np.asarray(np.broadcast_shapes(*(a.shape for a in arrays)), np.int64)
    return c.graph.concat(*(c.graph.expand(c.value(a, "i64"), shape)[..., None] for a in arrays), axis=len(shape))

@rule(ADD_AT)
def add_at(c, x, new, index):
    x, new, items = c.value(x), c.value(new), index if isinstance(index, tuple) else (index,)
    if computed(items):
        return c.graph.scatter_nd(x, indices(c, items), new, reduction="add")
    c.fun = GETITEM
    at = numbers(c, x, np.array(index, np.int64) if isinstance(index, list) else index)
    flat = c.graph.expand(new, np.asarray(at.shape, np.int64)).reshape(-1) if new.shape != at.shape else new.reshape(-1)
    if len(np.unique(at)) < at.size:
        return c.graph.scatter_elements(x.reshape(-1), at.reshape(-1), flat, reduction="add").reshape(c.shape)
    back = np.full(int(np.prod(c.shape)), -1)
    back[at.reshape(-1)] = np.arange(at.size)
    return x + c.graph.gather(c.graph.concat(flat, c.value(np.zeros(1)), axis=0), back, axis=0).reshape(c.shape)
