# Made by scripts/make-python, do not edit.
"""A typed method for each op; Graph inherits them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._dtypes import DTypeLike
    from ._graph import Graph, TensorLike, Value, ValueLike


class Ops:
    """The ops of docs/ops.md. Operands are values of this graph, arrays or numbers (these become constants).

    A wrong dtype, shape or attribute raises the Error that the library gives, at the call.
    """

    def op(self, name: str, *inputs: ValueLike | None, outputs: int = 1, **attributes: Any) -> Any:
        raise NotImplementedError

    def abs(self, x: ValueLike) -> Value:
        """Elementwise Abs.
        Types: floats, integers.
        """
        result: Value = self.op("abs", x)
        return result

    def acos(self, x: ValueLike) -> Value:
        """Elementwise Acos.
        Types: floats.
        """
        result: Value = self.op("acos", x)
        return result

    def acosh(self, x: ValueLike) -> Value:
        """Elementwise Acosh.
        Types: floats.
        """
        result: Value = self.op("acosh", x)
        return result

    def asin(self, x: ValueLike) -> Value:
        """Elementwise Asin.
        Types: floats.
        """
        result: Value = self.op("asin", x)
        return result

    def asinh(self, x: ValueLike) -> Value:
        """Elementwise Asinh.
        Types: floats.
        """
        result: Value = self.op("asinh", x)
        return result

    def atan(self, x: ValueLike) -> Value:
        """Elementwise Atan.
        Types: floats.
        """
        result: Value = self.op("atan", x)
        return result

    def atanh(self, x: ValueLike) -> Value:
        """Elementwise Atanh.
        Types: floats.
        """
        result: Value = self.op("atanh", x)
        return result

    def ceil(self, x: ValueLike) -> Value:
        """Elementwise Ceil.
        Types: floats, integers.
        """
        result: Value = self.op("ceil", x)
        return result

    def cos(self, x: ValueLike) -> Value:
        """Elementwise Cos.
        Types: floats.
        """
        result: Value = self.op("cos", x)
        return result

    def cosh(self, x: ValueLike) -> Value:
        """Elementwise Cosh.
        Types: floats.
        """
        result: Value = self.op("cosh", x)
        return result

    def erf(self, x: ValueLike) -> Value:
        """Elementwise Erf.
        Types: floats, integers.
        """
        result: Value = self.op("erf", x)
        return result

    def exp(self, x: ValueLike) -> Value:
        """Elementwise Exp.
        Types: floats.
        """
        result: Value = self.op("exp", x)
        return result

    def floor(self, x: ValueLike) -> Value:
        """Elementwise Floor.
        Types: floats, integers.
        """
        result: Value = self.op("floor", x)
        return result

    def log(self, x: ValueLike) -> Value:
        """Elementwise Log.
        Types: floats.
        """
        result: Value = self.op("log", x)
        return result

    def neg(self, x: ValueLike) -> Value:
        """Elementwise Neg.
        Types: floats, integers.
        """
        result: Value = self.op("neg", x)
        return result

    def reciprocal(self, x: ValueLike) -> Value:
        """Elementwise Reciprocal.
        Types: floats.
        """
        result: Value = self.op("reciprocal", x)
        return result

    def relu(self, x: ValueLike) -> Value:
        """Elementwise Relu.
        Types: floats, integers.
        """
        result: Value = self.op("relu", x)
        return result

    def round(self, x: ValueLike) -> Value:
        """Elementwise Round.
        Types: floats, integers.
        """
        result: Value = self.op("round", x)
        return result

    def sigmoid(self, x: ValueLike) -> Value:
        """Elementwise Sigmoid.
        Types: floats.
        """
        result: Value = self.op("sigmoid", x)
        return result

    def sign(self, x: ValueLike) -> Value:
        """Elementwise Sign.
        Types: floats, integers.
        """
        result: Value = self.op("sign", x)
        return result

    def sin(self, x: ValueLike) -> Value:
        """Elementwise Sin.
        Types: floats.
        """
        result: Value = self.op("sin", x)
        return result

    def sinh(self, x: ValueLike) -> Value:
        """Elementwise Sinh.
        Types: floats.
        """
        result: Value = self.op("sinh", x)
        return result

    def softplus(self, x: ValueLike) -> Value:
        """Elementwise Softplus.
        Types: floats.
        """
        result: Value = self.op("softplus", x)
        return result

    def softsign(self, x: ValueLike) -> Value:
        """Elementwise Softsign.
        Types: floats.
        """
        result: Value = self.op("softsign", x)
        return result

    def sqrt(self, x: ValueLike) -> Value:
        """Elementwise Sqrt.
        Types: floats.
        """
        result: Value = self.op("sqrt", x)
        return result

    def tan(self, x: ValueLike) -> Value:
        """Elementwise Tan.
        Types: floats.
        """
        result: Value = self.op("tan", x)
        return result

    def tanh(self, x: ValueLike) -> Value:
        """Elementwise Tanh.
        Types: floats.
        """
        result: Value = self.op("tanh", x)
        return result

    def mish(self, x: ValueLike) -> Value:
        """Elementwise Mish.
        Types: floats.
        """
        result: Value = self.op("mish", x)
        return result

    def hard_swish(self, x: ValueLike) -> Value:
        """Elementwise HardSwish.
        Types: floats.
        """
        result: Value = self.op("hard_swish", x)
        return result

    def identity(self, x: ValueLike) -> Value:
        """Elementwise Identity.
        Types: floats, integers, bool.
        """
        result: Value = self.op("identity", x)
        return result

    def bitwise_not(self, x: ValueLike) -> Value:
        """Elementwise BitwiseNot.
        Types: integers.
        """
        result: Value = self.op("bitwise_not", x)
        return result

    def rsqrt(self, x: ValueLike) -> Value:
        """Elementwise 1 / sqrt(x).
        Types: floats.
        """
        result: Value = self.op("rsqrt", x)
        return result

    def elu(self, x: ValueLike, *, alpha: float | None = None) -> Value:
        """Elementwise Elu.
        Types: floats.
        alpha: float, default 1.0.
        """
        result: Value = self.op("elu", x, alpha=alpha)
        return result

    def celu(self, x: ValueLike, *, alpha: float | None = None) -> Value:
        """Elementwise Celu.
        Types: floats.
        alpha: float, default 1.0.
        """
        result: Value = self.op("celu", x, alpha=alpha)
        return result

    def thresholded_relu(self, x: ValueLike, *, alpha: float | None = None) -> Value:
        """Elementwise ThresholdedRelu.
        Types: floats.
        alpha: float, default 1.0.
        """
        result: Value = self.op("thresholded_relu", x, alpha=alpha)
        return result

    def swish(self, x: ValueLike, *, alpha: float | None = None) -> Value:
        """Elementwise Swish.
        Types: floats.
        alpha: float, default 1.0.
        """
        result: Value = self.op("swish", x, alpha=alpha)
        return result

    def leaky_relu(self, x: ValueLike, *, alpha: float | None = None) -> Value:
        """Elementwise LeakyRelu.
        Types: floats.
        alpha: float, default 1.0.
        """
        result: Value = self.op("leaky_relu", x, alpha=alpha)
        return result

    def selu(self, x: ValueLike, *, alpha: float | None = None, gamma: float | None = None) -> Value:
        """Elementwise Selu.
        Types: floats.
        alpha: float, default 1.67326319217681884765625.
        gamma: float, default 1.05070102214813232421875.
        """
        result: Value = self.op("selu", x, alpha=alpha, gamma=gamma)
        return result

    def hard_sigmoid(self, x: ValueLike, *, alpha: float | None = None, beta: float | None = None) -> Value:
        """Elementwise HardSigmoid.
        Types: floats.
        alpha: float, default 0.2.
        beta: float, default 0.5.
        """
        result: Value = self.op("hard_sigmoid", x, alpha=alpha, beta=beta)
        return result

    def shrink(self, x: ValueLike, *, bias: float | None = None, lambd: float | None = None) -> Value:
        """Elementwise Shrink.
        Types: floats, integers.
        bias: float, default 0.0.
        lambd: float, default 0.5.
        """
        result: Value = self.op("shrink", x, bias=bias, lambd=lambd)
        return result

    def gelu(self, x: ValueLike, *, approximate: str | None = None) -> Value:
        """Elementwise Gelu.
        Types: floats.
        approximate: text, default "none".
        """
        result: Value = self.op("gelu", x, approximate=approximate)
        return result

    def not_(self, x: ValueLike) -> Value:
        """Elementwise Not.
        Types: bool.
        """
        result: Value = self.op("not", x)
        return result

    def is_nan(self, x: ValueLike) -> Value:
        """Elementwise IsNaN.
        Types: floats.
        """
        result: Value = self.op("is_nan", x)
        return result

    def is_inf(self, x: ValueLike, *, detect_negative: int | None = None, detect_positive: int | None = None) -> Value:
        """Elementwise IsInf.
        Types: floats.
        detect_negative: int, default 1.
        detect_positive: int, default 1.
        """
        result: Value = self.op("is_inf", x, detect_negative=detect_negative, detect_positive=detect_positive)
        return result

    def cast(self, x: ValueLike, *, to: DTypeLike | None = None, saturate: int | None = None, round_mode: str | None = None) -> Value:
        """Elementwise Cast.
        Types: floats, integers, bool.
        to: dtype.
        saturate: int, default 1.
        round_mode: text, default "up".
        """
        result: Value = self.op("cast", x, to=to, saturate=saturate, round_mode=round_mode)
        return result

    def bit_cast(self, x: ValueLike, *, to: DTypeLike | None = None, saturate: int | None = None, round_mode: str | None = None) -> Value:
        """Reinterprets the bits as another dtype (ONNX BitCast).
        Types: f32.
        to: dtype.
        saturate: int, default 1.
        round_mode: text, default "up".
        """
        result: Value = self.op("bit_cast", x, to=to, saturate=saturate, round_mode=round_mode)
        return result

    def add(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise Add.
        Types: floats, integers.
        """
        result: Value = self.op("add", a, b)
        return result

    def sub(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise Sub.
        Types: floats, integers.
        """
        result: Value = self.op("sub", a, b)
        return result

    def mul(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise Mul.
        Types: floats, integers.
        """
        result: Value = self.op("mul", a, b)
        return result

    def div(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise Div.
        Types: floats, integers.
        """
        result: Value = self.op("div", a, b)
        return result

    def pow(self, x: ValueLike, y: ValueLike) -> Value:
        """Elementwise Pow.
        Types: floats, integers.
        """
        result: Value = self.op("pow", x, y)
        return result

    def atan2(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise atan2.
        Types: floats, integers.
        """
        result: Value = self.op("atan2", a, b)
        return result

    def prelu(self, x: ValueLike, slope: ValueLike) -> Value:
        """Elementwise PRelu.
        Types: floats, integers.
        """
        result: Value = self.op("prelu", x, slope)
        return result

    def and_(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise And.
        Types: bool.
        """
        result: Value = self.op("and", a, b)
        return result

    def or_(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise Or.
        Types: bool.
        """
        result: Value = self.op("or", a, b)
        return result

    def xor(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise Xor.
        Types: bool.
        """
        result: Value = self.op("xor", a, b)
        return result

    def bitwise_and(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise BitwiseAnd.
        Types: integers.
        """
        result: Value = self.op("bitwise_and", a, b)
        return result

    def bitwise_or(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise BitwiseOr.
        Types: integers.
        """
        result: Value = self.op("bitwise_or", a, b)
        return result

    def bitwise_xor(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise BitwiseXor.
        Types: integers.
        """
        result: Value = self.op("bitwise_xor", a, b)
        return result

    def mod(self, a: ValueLike, b: ValueLike, *, fmod: int | None = None) -> Value:
        """Remainder; fmod: sign of the dividend (ONNX Mod).
        Types: floats, integers.
        fmod: int, default 0.
        """
        result: Value = self.op("mod", a, b, fmod=fmod)
        return result

    def bit_shift(self, x: ValueLike, y: ValueLike, *, direction: str | None = None) -> Value:
        """Shift LEFT or RIGHT (ONNX BitShift).
        Types: integers.
        direction: text, default NULL.
        """
        result: Value = self.op("bit_shift", x, y, direction=direction)
        return result

    def equal(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise comparison to bool (ONNX Equal).
        Types: floats, integers, bool.
        """
        result: Value = self.op("equal", a, b)
        return result

    def greater(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise comparison to bool (ONNX Greater).
        Types: floats, integers.
        """
        result: Value = self.op("greater", a, b)
        return result

    def greater_equal(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise comparison to bool (ONNX GreaterOrEqual).
        Types: floats, integers.
        """
        result: Value = self.op("greater_equal", a, b)
        return result

    def less(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise comparison to bool (ONNX Less).
        Types: floats, integers.
        """
        result: Value = self.op("less", a, b)
        return result

    def less_equal(self, a: ValueLike, b: ValueLike) -> Value:
        """Elementwise comparison to bool (ONNX LessOrEqual).
        Types: floats, integers.
        """
        result: Value = self.op("less_equal", a, b)
        return result

    def max(self, *inputs: ValueLike | None) -> Value:
        """Elementwise over all operands (ONNX Max).
        Types: floats, integers.
        """
        result: Value = self.op("max", *inputs)
        return result

    def min(self, *inputs: ValueLike | None) -> Value:
        """Elementwise over all operands (ONNX Min).
        Types: floats, integers.
        """
        result: Value = self.op("min", *inputs)
        return result

    def sum(self, *inputs: ValueLike | None) -> Value:
        """Elementwise over all operands (ONNX Sum).
        Types: floats, integers.
        """
        result: Value = self.op("sum", *inputs)
        return result

    def mean(self, *inputs: ValueLike | None) -> Value:
        """Elementwise over all operands (ONNX Mean).
        Types: floats, integers.
        """
        result: Value = self.op("mean", *inputs)
        return result

    def where(self, condition: ValueLike, x: ValueLike, y: ValueLike) -> Value:
        """Condition ? x : y (ONNX Where).
        Types: floats, integers, bool.
        """
        result: Value = self.op("where", condition, x, y)
        return result

    def clip(self, x: ValueLike, min_value: ValueLike | None = None, max_value: ValueLike | None = None) -> Value:
        """Limits to [min, max] (ONNX Clip).
        Types: floats, integers.
        """
        result: Value = self.op("clip", x, min_value, max_value)
        return result

    def reduce_sum(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceSum).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_sum", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_mean(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceMean).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_mean", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_max(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceMax).
        Types: floats, integers, bool.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_max", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_min(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceMin).
        Types: floats, integers, bool.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_min", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_prod(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceProd).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_prod", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_l1(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceL1).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_l1", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_l2(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceL2).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_l2", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_log_sum(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceLogSum).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_log_sum", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_log_sum_exp(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceLogSumExp).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_log_sum_exp", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def reduce_sum_square(self, x: ValueLike, axes: ValueLike | None = None, *, keepdims: int | None = None, noop_with_empty_axes: int | None = None) -> Value:
        """Reduction over the axes of input 1 (ONNX ReduceSumSquare).
        Types: floats, integers.
        keepdims: int, default 1.
        noop_with_empty_axes: int, default 0.
        """
        result: Value = self.op("reduce_sum_square", x, axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)
        return result

    def arg_max(self, x: ValueLike, *, axis: int | None = None, keepdims: int | None = None, select_last_index: int | None = None) -> Value:
        """Index of the largest (ONNX ArgMax).
        Types: floats, integers.
        axis: int, default 0.
        keepdims: int, default 1.
        select_last_index: int, default 0.
        """
        result: Value = self.op("arg_max", x, axis=axis, keepdims=keepdims, select_last_index=select_last_index)
        return result

    def arg_min(self, x: ValueLike, *, axis: int | None = None, keepdims: int | None = None, select_last_index: int | None = None) -> Value:
        """Index of the smallest (ONNX ArgMin).
        Types: floats, integers.
        axis: int, default 0.
        keepdims: int, default 1.
        select_last_index: int, default 0.
        """
        result: Value = self.op("arg_min", x, axis=axis, keepdims=keepdims, select_last_index=select_last_index)
        return result

    def cum_sum(self, x: ValueLike, axis: ValueLike, *, exclusive: int | None = None, reverse: int | None = None) -> Value:
        """Running sum (ONNX CumSum).
        Types: floats, integers.
        exclusive: int, default 0.
        reverse: int, default 0.
        """
        result: Value = self.op("cum_sum", x, axis, exclusive=exclusive, reverse=reverse)
        return result

    def cum_prod(self, x: ValueLike, axis: ValueLike, *, exclusive: int | None = None, reverse: int | None = None) -> Value:
        """Running product (ONNX CumProd).
        Types: floats, integers.
        exclusive: int, default 0.
        reverse: int, default 0.
        """
        result: Value = self.op("cum_prod", x, axis, exclusive=exclusive, reverse=reverse)
        return result

    def softmax(self, x: ValueLike, *, axis: int | None = None) -> Value:
        """Along one axis (ONNX Softmax).
        Types: floats.
        axis: int, default -1.
        """
        result: Value = self.op("softmax", x, axis=axis)
        return result

    def log_softmax(self, x: ValueLike, *, axis: int | None = None) -> Value:
        """Along one axis (ONNX LogSoftmax).
        Types: floats.
        axis: int, default -1.
        """
        result: Value = self.op("log_softmax", x, axis=axis)
        return result

    def hardmax(self, x: ValueLike, *, axis: int | None = None) -> Value:
        """Along one axis (ONNX Hardmax).
        Types: floats.
        axis: int, default -1.
        """
        result: Value = self.op("hardmax", x, axis=axis)
        return result

    def lp_normalization(self, x: ValueLike, *, axis: int | None = None, p: int | None = None) -> Value:
        """X / norm (ONNX LpNormalization).
        Types: floats.
        axis: int, default -1.
        p: int, default 2.
        """
        result: Value = self.op("lp_normalization", x, axis=axis, p=p)
        return result

    def reshape(self, x: ValueLike, shape: ValueLike, *, allowzero: int | None = None) -> Value:
        """ONNX operator Reshape.
        Types: floats, integers, bool.
        allowzero: int, default 0.
        """
        result: Value = self.op("reshape", x, shape, allowzero=allowzero)
        return result

    def transpose(self, x: ValueLike, *, perm: Sequence[int] | None = None) -> Value:
        """ONNX operator Transpose.
        Types: floats, integers, bool.
        perm: ints.
        """
        result: Value = self.op("transpose", x, perm=perm)
        return result

    def concat(self, *inputs: ValueLike, axis: int | None = None) -> Value:
        """ONNX operator Concat.
        Types: floats, integers, bool.
        axis: int, default 0.
        """
        result: Value = self.op("concat", *inputs, axis=axis)
        return result

    def split(self, x: ValueLike, split: ValueLike | None = None, *, outputs: int = 1, axis: int | None = None, num_outputs: int | None = None) -> Any:
        """ONNX operator Split.
        Gives: parts.
        Results: as many as `outputs` says.
        Types: floats, integers, bool.
        axis: int, default 0.
        num_outputs: int, default 0.
        """
        return self.op("split", x, split, outputs=outputs, axis=axis, num_outputs=num_outputs)

    def slice(self, x: ValueLike, starts: ValueLike, ends: ValueLike, axes: ValueLike | None = None, steps: ValueLike | None = None) -> Value:
        """ONNX operator Slice.
        Types: floats, integers, bool.
        """
        result: Value = self.op("slice", x, starts, ends, axes, steps)
        return result

    def pad(self, x: ValueLike, pads: ValueLike, constant_value: ValueLike | None = None, axes: ValueLike | None = None, *, mode: str | None = None) -> Value:
        """ONNX operator Pad.
        Types: floats, integers, bool.
        mode: text, default "constant".
        """
        result: Value = self.op("pad", x, pads, constant_value, axes, mode=mode)
        return result

    def expand(self, x: ValueLike, shape: ValueLike) -> Value:
        """ONNX operator Expand.
        Types: floats, integers, bool.
        """
        result: Value = self.op("expand", x, shape)
        return result

    def tile(self, x: ValueLike, repeats: ValueLike) -> Value:
        """ONNX operator Tile.
        Types: floats, integers, bool.
        """
        result: Value = self.op("tile", x, repeats)
        return result

    def squeeze(self, x: ValueLike, axes: ValueLike | None = None) -> Value:
        """ONNX operator Squeeze.
        Types: floats, integers, bool.
        """
        result: Value = self.op("squeeze", x, axes)
        return result

    def unsqueeze(self, x: ValueLike, axes: ValueLike) -> Value:
        """ONNX operator Unsqueeze.
        Types: floats, integers, bool.
        """
        result: Value = self.op("unsqueeze", x, axes)
        return result

    def flatten(self, x: ValueLike, *, axis: int | None = None) -> Value:
        """ONNX operator Flatten.
        Types: floats, integers, bool.
        axis: int, default 1.
        """
        result: Value = self.op("flatten", x, axis=axis)
        return result

    def shape(self, x: ValueLike, *, start: int | None = None, end: int | None = None) -> Value:
        """ONNX operator Shape.
        Types: floats, integers, bool.
        start: int, default 0.
        end: int, default INT64_MAX.
        """
        result: Value = self.op("shape", x, start=start, end=end)
        return result

    def size(self, x: ValueLike) -> Value:
        """ONNX operator Size.
        Types: floats, integers, bool.
        """
        result: Value = self.op("size", x)
        return result

    def constant_of_shape(self, shape: ValueLike, *, value: TensorLike | None = None) -> Value:
        """ONNX operator ConstantOfShape.
        Types: i64.
        value: tensor.
        """
        result: Value = self.op("constant_of_shape", shape, value=value)
        return result

    def range(self, start: ValueLike, limit: ValueLike, delta: ValueLike) -> Value:
        """ONNX operator Range.
        Types: f32.
        """
        result: Value = self.op("range", start, limit, delta)
        return result

    def eye_like(self, x: ValueLike, *, dtype: DTypeLike | None = None, k: int | None = None) -> Value:
        """ONNX operator EyeLike.
        Types: floats, integers, bool.
        dtype: dtype.
        k: int, default 0.
        """
        result: Value = self.op("eye_like", x, dtype=dtype, k=k)
        return result

    def one_hot(self, indices: ValueLike, depth: ValueLike, values: ValueLike, *, axis: int | None = None) -> Value:
        """ONNX operator OneHot.
        Types: floats, integers.
        axis: int, default -1.
        """
        result: Value = self.op("one_hot", indices, depth, values, axis=axis)
        return result

    def trilu(self, x: ValueLike, k: ValueLike | None = None, *, upper: int | None = None) -> Value:
        """ONNX operator Trilu.
        Types: floats, integers, bool.
        upper: int, default 1.
        """
        result: Value = self.op("trilu", x, k, upper=upper)
        return result

    def depth_to_space(self, x: ValueLike, *, blocksize: int | None = None, mode: str | None = None) -> Value:
        """ONNX operator DepthToSpace.
        Types: floats, integers, bool.
        blocksize: int, default 0.
        mode: text, default "DCR".
        """
        result: Value = self.op("depth_to_space", x, blocksize=blocksize, mode=mode)
        return result

    def space_to_depth(self, x: ValueLike, *, blocksize: int | None = None, mode: str | None = None) -> Value:
        """ONNX operator SpaceToDepth.
        Types: floats, integers, bool.
        blocksize: int, default 0.
        mode: text, default "DCR".
        """
        result: Value = self.op("space_to_depth", x, blocksize=blocksize, mode=mode)
        return result

    def reverse_sequence(self, x: ValueLike, sequence_lens: ValueLike, *, batch_axis: int | None = None, time_axis: int | None = None) -> Value:
        """ONNX operator ReverseSequence.
        Types: floats, integers, bool.
        batch_axis: int, default 1.
        time_axis: int, default 0.
        """
        result: Value = self.op("reverse_sequence", x, sequence_lens, batch_axis=batch_axis, time_axis=time_axis)
        return result

    def center_crop_pad(self, x: ValueLike, shape: ValueLike, *, axes: Sequence[int] | None = None) -> Value:
        """ONNX operator CenterCropPad.
        Types: floats, integers, bool.
        axes: ints.
        """
        result: Value = self.op("center_crop_pad", x, shape, axes=axes)
        return result

    def col2im(self, x: ValueLike, image_shape: ValueLike, block_shape: ValueLike, *, dilations: Sequence[int] | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator Col2Im.
        Types: floats, integers.
        dilations: ints.
        pads: ints.
        strides: ints.
        """
        result: Value = self.op("col2im", x, image_shape, block_shape, dilations=dilations, pads=pads, strides=strides)
        return result

    def reorder(self, x: ValueLike, *, block: int | None = None) -> Value:
        """Changes the memory layout, not the value.
        Types: f32.
        block: int, default 0.
        """
        result: Value = self.op("reorder", x, block=block)
        return result

    def gather(self, x: ValueLike, indices: ValueLike, *, axis: int | None = None) -> Value:
        """ONNX operator Gather.
        Types: floats, integers, bool.
        axis: int, default 0.
        """
        result: Value = self.op("gather", x, indices, axis=axis)
        return result

    def gather_elements(self, x: ValueLike, indices: ValueLike, *, axis: int | None = None) -> Value:
        """ONNX operator GatherElements.
        Types: floats, integers, bool.
        axis: int, default 0.
        """
        result: Value = self.op("gather_elements", x, indices, axis=axis)
        return result

    def gather_nd(self, x: ValueLike, indices: ValueLike, *, batch_dims: int | None = None) -> Value:
        """ONNX operator GatherND.
        Types: floats, integers, bool.
        batch_dims: int, default 0.
        """
        result: Value = self.op("gather_nd", x, indices, batch_dims=batch_dims)
        return result

    def scatter_elements(self, x: ValueLike, indices: ValueLike, updates: ValueLike, *, axis: int | None = None, reduction: str | None = None) -> Value:
        """ONNX operator ScatterElements.
        Types: floats, integers, bool.
        axis: int, default 0.
        reduction: text, default "none".
        """
        result: Value = self.op("scatter_elements", x, indices, updates, axis=axis, reduction=reduction)
        return result

    def scatter_nd(self, x: ValueLike, indices: ValueLike, updates: ValueLike, *, axis: int | None = None, reduction: str | None = None) -> Value:
        """ONNX operator ScatterND.
        Types: floats, integers, bool.
        axis: int, default 0.
        reduction: text, default "none".
        """
        result: Value = self.op("scatter_nd", x, indices, updates, axis=axis, reduction=reduction)
        return result

    def tensor_scatter(self, past_cache: ValueLike, update: ValueLike, write_indices: ValueLike | None = None, *, axis: int | None = None, mode: str | None = None) -> Value:
        """ONNX operator TensorScatter.
        Types: floats, integers, bool.
        axis: int, default -2.
        mode: text, default "linear".
        """
        result: Value = self.op("tensor_scatter", past_cache, update, write_indices, axis=axis, mode=mode)
        return result

    def compress(self, x: ValueLike, condition: ValueLike, *, axis: int | None = None, sorted: int | None = None) -> Value:
        """ONNX operator Compress.
        Types: floats, integers, bool.
        axis: int, default INT64_MIN.
        sorted: int, default 1.
        """
        result: Value = self.op("compress", x, condition, axis=axis, sorted=sorted)
        return result

    def non_zero(self, x: ValueLike) -> Value:
        """ONNX operator NonZero.
        Types: floats, integers, bool.
        """
        result: Value = self.op("non_zero", x)
        return result

    def unique(self, x: ValueLike, *, outputs: int = 1, axis: int | None = None, sorted: int | None = None) -> Any:
        """ONNX operator Unique.
        Gives: y, indices, inverse_indices, counts.
        Results: 1 to 4, as `outputs` says.
        Types: floats, integers, bool.
        axis: int, default INT64_MIN.
        sorted: int, default 1.
        """
        return self.op("unique", x, outputs=outputs, axis=axis, sorted=sorted)

    def top_k(self, x: ValueLike, k: ValueLike, *, axis: int | None = None, largest: int | None = None, sorted: int | None = None) -> tuple[Value, ...]:
        """ONNX operator TopK.
        Gives: values, indices.
        Results: 2.
        Types: floats, integers.
        axis: int, default -1.
        largest: int, default 1.
        sorted: int, default 1.
        """
        result: tuple[Value, ...] = self.op("top_k", x, k, outputs=2, axis=axis, largest=largest, sorted=sorted)
        return result

    def non_max_suppression(self, boxes: ValueLike, scores: ValueLike, max_output_boxes_per_class: ValueLike | None = None, iou_threshold: ValueLike | None = None, score_threshold: ValueLike | None = None, *, center_point_box: int | None = None) -> Value:
        """ONNX operator NonMaxSuppression.
        Types: floats.
        center_point_box: int, default 0.
        """
        result: Value = self.op("non_max_suppression", boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold, center_point_box=center_point_box)
        return result

    def matmul(self, a: ValueLike, b: ValueLike) -> Value:
        """ONNX operator MatMul.
        Types: floats, integers.
        """
        result: Value = self.op("matmul", a, b)
        return result

    def gemm(self, a: ValueLike, b: ValueLike, c: ValueLike | None = None, *, alpha: float | None = None, beta: float | None = None, transA: int | None = None, transB: int | None = None) -> Value:
        """ONNX operator Gemm.
        Types: floats, integers.
        alpha: float, default 1.0.
        beta: float, default 1.0.
        transA: int, default 0.
        transB: int, default 0.
        """
        result: Value = self.op("gemm", a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)
        return result

    def einsum(self, *inputs: ValueLike | None, equation: str | None = None) -> Value:
        """ONNX operator Einsum.
        Types: floats, integers.
        equation: text, default NULL.
        """
        result: Value = self.op("einsum", *inputs, equation=equation)
        return result

    def det(self, x: ValueLike) -> Value:
        """ONNX operator Det.
        Types: floats.
        """
        result: Value = self.op("det", x)
        return result

    def conv(self, x: ValueLike, w: ValueLike, bias: ValueLike | None = None, *, auto_pad: str | None = None, dilations: Sequence[int] | None = None, group: int | None = None, kernel_shape: Sequence[int] | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator Conv.
        Types: floats.
        auto_pad: text, default "NOTSET".
        dilations: ints.
        group: int, default 1.
        kernel_shape: ints.
        pads: ints.
        strides: ints.
        """
        result: Value = self.op("conv", x, w, bias, auto_pad=auto_pad, dilations=dilations, group=group, kernel_shape=kernel_shape, pads=pads, strides=strides)
        return result

    def conv_transpose(self, x: ValueLike, w: ValueLike, bias: ValueLike | None = None, *, auto_pad: str | None = None, dilations: Sequence[int] | None = None, group: int | None = None, kernel_shape: Sequence[int] | None = None, output_padding: Sequence[int] | None = None, output_shape: Sequence[int] | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator ConvTranspose.
        Types: floats.
        auto_pad: text, default "NOTSET".
        dilations: ints.
        group: int, default 1.
        kernel_shape: ints.
        output_padding: ints.
        output_shape: ints.
        pads: ints.
        strides: ints.
        """
        result: Value = self.op("conv_transpose", x, w, bias, auto_pad=auto_pad, dilations=dilations, group=group, kernel_shape=kernel_shape, output_padding=output_padding, output_shape=output_shape, pads=pads, strides=strides)
        return result

    def max_pool(self, x: ValueLike, *, outputs: int = 1, auto_pad: str | None = None, ceil_mode: int | None = None, count_include_pad: int | None = None, dilations: Sequence[int] | None = None, kernel_shape: Sequence[int] | None = None, p: int | None = None, pads: Sequence[int] | None = None, storage_order: int | None = None, strides: Sequence[int] | None = None) -> Any:
        """ONNX operator MaxPool.
        Gives: y, indices.
        Results: 1 to 2, as `outputs` says.
        Types: floats, i8, u8.
        auto_pad: text, default "NOTSET".
        ceil_mode: int, default 0.
        count_include_pad: int, default 0.
        dilations: ints.
        kernel_shape: ints.
        p: int, default 2.
        pads: ints.
        storage_order: int, default 0.
        strides: ints.
        """
        return self.op("max_pool", x, outputs=outputs, auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad, dilations=dilations, kernel_shape=kernel_shape, p=p, pads=pads, storage_order=storage_order, strides=strides)

    def average_pool(self, x: ValueLike, *, auto_pad: str | None = None, ceil_mode: int | None = None, count_include_pad: int | None = None, dilations: Sequence[int] | None = None, kernel_shape: Sequence[int] | None = None, p: int | None = None, pads: Sequence[int] | None = None, storage_order: int | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator AveragePool.
        Types: floats.
        auto_pad: text, default "NOTSET".
        ceil_mode: int, default 0.
        count_include_pad: int, default 0.
        dilations: ints.
        kernel_shape: ints.
        p: int, default 2.
        pads: ints.
        storage_order: int, default 0.
        strides: ints.
        """
        result: Value = self.op("average_pool", x, auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad, dilations=dilations, kernel_shape=kernel_shape, p=p, pads=pads, storage_order=storage_order, strides=strides)
        return result

    def lp_pool(self, x: ValueLike, *, auto_pad: str | None = None, ceil_mode: int | None = None, count_include_pad: int | None = None, dilations: Sequence[int] | None = None, kernel_shape: Sequence[int] | None = None, p: int | None = None, pads: Sequence[int] | None = None, storage_order: int | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator LpPool.
        Types: floats.
        auto_pad: text, default "NOTSET".
        ceil_mode: int, default 0.
        count_include_pad: int, default 0.
        dilations: ints.
        kernel_shape: ints.
        p: int, default 2.
        pads: ints.
        storage_order: int, default 0.
        strides: ints.
        """
        result: Value = self.op("lp_pool", x, auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad, dilations=dilations, kernel_shape=kernel_shape, p=p, pads=pads, storage_order=storage_order, strides=strides)
        return result

    def max_unpool(self, x: ValueLike, indices: ValueLike, output_shape: ValueLike | None = None, *, auto_pad: str | None = None, ceil_mode: int | None = None, count_include_pad: int | None = None, dilations: Sequence[int] | None = None, kernel_shape: Sequence[int] | None = None, p: int | None = None, pads: Sequence[int] | None = None, storage_order: int | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator MaxUnpool.
        Types: floats, i8, u8.
        auto_pad: text, default "NOTSET".
        ceil_mode: int, default 0.
        count_include_pad: int, default 0.
        dilations: ints.
        kernel_shape: ints.
        p: int, default 2.
        pads: ints.
        storage_order: int, default 0.
        strides: ints.
        """
        result: Value = self.op("max_unpool", x, indices, output_shape, auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad, dilations=dilations, kernel_shape=kernel_shape, p=p, pads=pads, storage_order=storage_order, strides=strides)
        return result

    def global_average_pool(self, x: ValueLike) -> Value:
        """ONNX operator GlobalAveragePool.
        Types: floats.
        """
        result: Value = self.op("global_average_pool", x)
        return result

    def global_max_pool(self, x: ValueLike) -> Value:
        """ONNX operator GlobalMaxPool.
        Types: floats.
        """
        result: Value = self.op("global_max_pool", x)
        return result

    def deform_conv(self, x: ValueLike, w: ValueLike, offset: ValueLike, bias: ValueLike | None = None, mask: ValueLike | None = None, *, dilations: Sequence[int] | None = None, group: int | None = None, kernel_shape: Sequence[int] | None = None, offset_group: int | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator DeformConv.
        Types: floats.
        dilations: ints.
        group: int, default 1.
        kernel_shape: ints.
        offset_group: int, default 1.
        pads: ints.
        strides: ints.
        """
        result: Value = self.op("deform_conv", x, w, offset, bias, mask, dilations=dilations, group=group, kernel_shape=kernel_shape, offset_group=offset_group, pads=pads, strides=strides)
        return result

    def batch_normalization(self, x: ValueLike, scale: ValueLike, bias: ValueLike, mean: ValueLike, variance: ValueLike, *, outputs: int = 1, epsilon: float | None = None, momentum: float | None = None, training_mode: int | None = None) -> Any:
        """ONNX operator BatchNormalization.
        Gives: y, running_mean, running_var.
        Results: 1 to 3, as `outputs` says.
        Types: floats.
        epsilon: float, default 1e-5.
        momentum: float, default 0.9.
        training_mode: int, default 0.
        """
        return self.op("batch_normalization", x, scale, bias, mean, variance, outputs=outputs, epsilon=epsilon, momentum=momentum, training_mode=training_mode)

    def instance_normalization(self, x: ValueLike, scale: ValueLike, bias: ValueLike, *, epsilon: float | None = None) -> Value:
        """ONNX operator InstanceNormalization.
        Types: floats.
        epsilon: float, default 1e-5.
        """
        result: Value = self.op("instance_normalization", x, scale, bias, epsilon=epsilon)
        return result

    def layer_normalization(self, x: ValueLike, scale: ValueLike, bias: ValueLike | None = None, *, outputs: int = 1, axis: int | None = None, epsilon: float | None = None, stash_type: int | None = None) -> Any:
        """ONNX operator LayerNormalization.
        Gives: y, mean, inv_std_dev.
        Results: 1 to 3, as `outputs` says.
        Types: floats.
        axis: int, default -1.
        epsilon: float, default 1e-5.
        stash_type: int, default 1.
        """
        return self.op("layer_normalization", x, scale, bias, outputs=outputs, axis=axis, epsilon=epsilon, stash_type=stash_type)

    def group_normalization(self, x: ValueLike, scale: ValueLike, bias: ValueLike, *, epsilon: float | None = None, num_groups: int | None = None, stash_type: int | None = None) -> Value:
        """ONNX operator GroupNormalization.
        Types: floats.
        epsilon: float, default 1e-5.
        num_groups: int, default 0.
        stash_type: int, default 1.
        """
        result: Value = self.op("group_normalization", x, scale, bias, epsilon=epsilon, num_groups=num_groups, stash_type=stash_type)
        return result

    def rms_normalization(self, x: ValueLike, scale: ValueLike, *, axis: int | None = None, epsilon: float | None = None, stash_type: int | None = None) -> Value:
        """ONNX operator RMSNormalization.
        Types: floats.
        axis: int, default -1.
        epsilon: float, default 1e-5.
        stash_type: int, default 1.
        """
        result: Value = self.op("rms_normalization", x, scale, axis=axis, epsilon=epsilon, stash_type=stash_type)
        return result

    def mean_variance_normalization(self, x: ValueLike, *, axes: Sequence[int] | None = None) -> Value:
        """ONNX operator MeanVarianceNormalization.
        Types: floats.
        axes: ints.
        """
        result: Value = self.op("mean_variance_normalization", x, axes=axes)
        return result

    def lrn(self, x: ValueLike, *, alpha: float | None = None, beta: float | None = None, bias: float | None = None, size: int | None = None) -> Value:
        """ONNX operator LRN.
        Types: floats.
        alpha: float, default 1e-4.
        beta: float, default 0.75.
        bias: float, default 1.0.
        size: int, default 0.
        """
        result: Value = self.op("lrn", x, alpha=alpha, beta=beta, bias=bias, size=size)
        return result

    def dropout(self, x: ValueLike, ratio: ValueLike | None = None, training_mode: ValueLike | None = None, *, outputs: int = 1, seed: int | None = None) -> Any:
        """ONNX operator Dropout.
        Gives: y, mask.
        Results: 1 to 2, as `outputs` says.
        Types: floats.
        seed: int, default 0.
        """
        return self.op("dropout", x, ratio, training_mode, outputs=outputs, seed=seed)

    def lstm(self, x: ValueLike, w: ValueLike, r: ValueLike, bias: ValueLike | None = None, sequence_lens: ValueLike | None = None, initial_h: ValueLike | None = None, initial_c: ValueLike | None = None, peephole: ValueLike | None = None, *, outputs: int = 1, activation_alpha: Sequence[float] | None = None, activation_beta: Sequence[float] | None = None, activations: Sequence[str] | None = None, clip: float | None = None, direction: str | None = None, hidden_size: int | None = None, input_forget: int | None = None, layout: int | None = None, linear_before_reset: int | None = None) -> Any:
        """ONNX operator LSTM.
        Gives: y, y_h, y_c.
        Results: 1 to 3, as `outputs` says.
        Types: floats.
        activation_alpha: floats.
        activation_beta: floats.
        activations: texts.
        clip: float, default 0.0.
        direction: text, default "forward".
        hidden_size: int, default 0.
        input_forget: int, default 0.
        layout: int, default 0.
        linear_before_reset: int, default 0.
        """
        return self.op("lstm", x, w, r, bias, sequence_lens, initial_h, initial_c, peephole, outputs=outputs, activation_alpha=activation_alpha, activation_beta=activation_beta, activations=activations, clip=clip, direction=direction, hidden_size=hidden_size, input_forget=input_forget, layout=layout, linear_before_reset=linear_before_reset)

    def gru(self, x: ValueLike, w: ValueLike, r: ValueLike, bias: ValueLike | None = None, sequence_lens: ValueLike | None = None, initial_h: ValueLike | None = None, *, outputs: int = 1, activation_alpha: Sequence[float] | None = None, activation_beta: Sequence[float] | None = None, activations: Sequence[str] | None = None, clip: float | None = None, direction: str | None = None, hidden_size: int | None = None, input_forget: int | None = None, layout: int | None = None, linear_before_reset: int | None = None) -> Any:
        """ONNX operator GRU.
        Gives: y, y_h.
        Results: 1 to 2, as `outputs` says.
        Types: floats.
        activation_alpha: floats.
        activation_beta: floats.
        activations: texts.
        clip: float, default 0.0.
        direction: text, default "forward".
        hidden_size: int, default 0.
        input_forget: int, default 0.
        layout: int, default 0.
        linear_before_reset: int, default 0.
        """
        return self.op("gru", x, w, r, bias, sequence_lens, initial_h, outputs=outputs, activation_alpha=activation_alpha, activation_beta=activation_beta, activations=activations, clip=clip, direction=direction, hidden_size=hidden_size, input_forget=input_forget, layout=layout, linear_before_reset=linear_before_reset)

    def rnn(self, x: ValueLike, w: ValueLike, r: ValueLike, bias: ValueLike | None = None, sequence_lens: ValueLike | None = None, initial_h: ValueLike | None = None, *, outputs: int = 1, activation_alpha: Sequence[float] | None = None, activation_beta: Sequence[float] | None = None, activations: Sequence[str] | None = None, clip: float | None = None, direction: str | None = None, hidden_size: int | None = None, input_forget: int | None = None, layout: int | None = None, linear_before_reset: int | None = None) -> Any:
        """ONNX operator RNN.
        Gives: y, y_h.
        Results: 1 to 2, as `outputs` says.
        Types: floats.
        activation_alpha: floats.
        activation_beta: floats.
        activations: texts.
        clip: float, default 0.0.
        direction: text, default "forward".
        hidden_size: int, default 0.
        input_forget: int, default 0.
        layout: int, default 0.
        linear_before_reset: int, default 0.
        """
        return self.op("rnn", x, w, r, bias, sequence_lens, initial_h, outputs=outputs, activation_alpha=activation_alpha, activation_beta=activation_beta, activations=activations, clip=clip, direction=direction, hidden_size=hidden_size, input_forget=input_forget, layout=layout, linear_before_reset=linear_before_reset)

    def attention(self, q: ValueLike, k: ValueLike, v: ValueLike, mask: ValueLike | None = None, past_key: ValueLike | None = None, past_value: ValueLike | None = None, nonpad_kv_seqlen: ValueLike | None = None, *, outputs: int = 1, is_causal: int | None = None, kv_num_heads: int | None = None, q_num_heads: int | None = None, qk_matmul_output_mode: int | None = None, scale: float | None = None, softcap: float | None = None, softmax_precision: DTypeLike | None = None, left_window_size: int | None = None, right_window_size: int | None = None) -> Any:
        """ONNX operator Attention.
        Gives: y, present_key, present_value, qk_matmul_output.
        Results: 1 to 4, as `outputs` says.
        Types: floats.
        is_causal: int, default 0.
        kv_num_heads: int, default 0.
        q_num_heads: int, default 0.
        qk_matmul_output_mode: int, default 0.
        scale: float, default 0.0.
        softcap: float, default 0.0.
        softmax_precision: dtype.
        left_window_size: int, default -1.
        right_window_size: int, default -1.
        """
        return self.op("attention", q, k, v, mask, past_key, past_value, nonpad_kv_seqlen, outputs=outputs, is_causal=is_causal, kv_num_heads=kv_num_heads, q_num_heads=q_num_heads, qk_matmul_output_mode=qk_matmul_output_mode, scale=scale, softcap=softcap, softmax_precision=softmax_precision, left_window_size=left_window_size, right_window_size=right_window_size)

    def rotary_embedding(self, x: ValueLike, cos_cache: ValueLike, sin_cache: ValueLike, position_ids: ValueLike | None = None, *, interleaved: int | None = None, num_heads: int | None = None, rotary_embedding_dim: int | None = None) -> Value:
        """ONNX operator RotaryEmbedding.
        Types: floats.
        interleaved: int, default 0.
        num_heads: int, default 0.
        rotary_embedding_dim: int, default 0.
        """
        result: Value = self.op("rotary_embedding", x, cos_cache, sin_cache, position_ids, interleaved=interleaved, num_heads=num_heads, rotary_embedding_dim=rotary_embedding_dim)
        return result

    def resize(self, x: ValueLike, roi: ValueLike | None = None, scales: ValueLike | None = None, sizes: ValueLike | None = None, *, antialias: int | None = None, axes: Sequence[int] | None = None, coordinate_transformation_mode: str | None = None, cubic_coeff_a: float | None = None, exclude_outside: int | None = None, extrapolation_value: float | None = None, keep_aspect_ratio_policy: str | None = None, mode: str | None = None, nearest_mode: str | None = None) -> Value:
        """ONNX operator Resize.
        Types: floats, integers, bool.
        antialias: int, default 0.
        axes: ints.
        coordinate_transformation_mode: text, default "half_pixel".
        cubic_coeff_a: float, default -0.75.
        exclude_outside: int, default 0.
        extrapolation_value: float, default 0.0.
        keep_aspect_ratio_policy: text, default "stretch".
        mode: text, default "nearest".
        nearest_mode: text, default "round_prefer_floor".
        """
        result: Value = self.op("resize", x, roi, scales, sizes, antialias=antialias, axes=axes, coordinate_transformation_mode=coordinate_transformation_mode, cubic_coeff_a=cubic_coeff_a, exclude_outside=exclude_outside, extrapolation_value=extrapolation_value, keep_aspect_ratio_policy=keep_aspect_ratio_policy, mode=mode, nearest_mode=nearest_mode)
        return result

    def grid_sample(self, x: ValueLike, grid: ValueLike, *, align_corners: int | None = None, mode: str | None = None, padding_mode: str | None = None) -> Value:
        """ONNX operator GridSample.
        Types: floats.
        align_corners: int, default 0.
        mode: text, default "linear".
        padding_mode: text, default "zeros".
        """
        result: Value = self.op("grid_sample", x, grid, align_corners=align_corners, mode=mode, padding_mode=padding_mode)
        return result

    def affine_grid(self, theta: ValueLike, size: ValueLike, *, align_corners: int | None = None, mode: str | None = None, padding_mode: str | None = None) -> Value:
        """ONNX operator AffineGrid.
        Types: floats.
        align_corners: int, default 0.
        mode: text, default "linear".
        padding_mode: text, default "zeros".
        """
        result: Value = self.op("affine_grid", theta, size, align_corners=align_corners, mode=mode, padding_mode=padding_mode)
        return result

    def roi_align(self, x: ValueLike, rois: ValueLike, batch_indices: ValueLike, *, coordinate_transformation_mode: str | None = None, mode: str | None = None, output_height: int | None = None, output_width: int | None = None, sampling_ratio: int | None = None, spatial_scale: float | None = None) -> Value:
        """ONNX operator RoiAlign.
        Types: floats.
        coordinate_transformation_mode: text, default "half_pixel".
        mode: text, default "avg".
        output_height: int, default 1.
        output_width: int, default 1.
        sampling_ratio: int, default 0.
        spatial_scale: float, default 1.0.
        """
        result: Value = self.op("roi_align", x, rois, batch_indices, coordinate_transformation_mode=coordinate_transformation_mode, mode=mode, output_height=output_height, output_width=output_width, sampling_ratio=sampling_ratio, spatial_scale=spatial_scale)
        return result

    def quantize_linear(self, x: ValueLike, y_scale: ValueLike, y_zero_point: ValueLike | None = None, *, axis: int | None = None, block_size: int | None = None, output_dtype: DTypeLike | None = None, precision: DTypeLike | None = None, saturate: int | None = None) -> Value:
        """ONNX operator QuantizeLinear.
        Types: f32.
        axis: int, default 1.
        block_size: int, default 0.
        output_dtype: dtype.
        precision: dtype.
        saturate: int, default 1.
        """
        result: Value = self.op("quantize_linear", x, y_scale, y_zero_point, axis=axis, block_size=block_size, output_dtype=output_dtype, precision=precision, saturate=saturate)
        return result

    def dequantize_linear(self, x: ValueLike, x_scale: ValueLike, x_zero_point: ValueLike | None = None, *, axis: int | None = None, block_size: int | None = None, output_dtype: DTypeLike | None = None, precision: DTypeLike | None = None, saturate: int | None = None) -> Value:
        """ONNX operator DequantizeLinear.
        Types: i8, u8, i32.
        axis: int, default 1.
        block_size: int, default 0.
        output_dtype: dtype.
        precision: dtype.
        saturate: int, default 1.
        """
        result: Value = self.op("dequantize_linear", x, x_scale, x_zero_point, axis=axis, block_size=block_size, output_dtype=output_dtype, precision=precision, saturate=saturate)
        return result

    def dynamic_quantize_linear(self, x: ValueLike) -> tuple[Value, ...]:
        """ONNX operator DynamicQuantizeLinear.
        Gives: y, y_scale, y_zero_point.
        Results: 3.
        Types: f32.
        """
        result: tuple[Value, ...] = self.op("dynamic_quantize_linear", x, outputs=3)
        return result

    def qlinear_conv(self, x: ValueLike, x_scale: ValueLike, x_zero_point: ValueLike, w: ValueLike, w_scale: ValueLike, w_zero_point: ValueLike, y_scale: ValueLike, y_zero_point: ValueLike, bias: ValueLike | None = None, *, auto_pad: str | None = None, dilations: Sequence[int] | None = None, group: int | None = None, kernel_shape: Sequence[int] | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator QLinearConv.
        Types: u8.
        auto_pad: text, default "NOTSET".
        dilations: ints.
        group: int, default 1.
        kernel_shape: ints.
        pads: ints.
        strides: ints.
        """
        result: Value = self.op("qlinear_conv", x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias, auto_pad=auto_pad, dilations=dilations, group=group, kernel_shape=kernel_shape, pads=pads, strides=strides)
        return result

    def qlinear_matmul(self, a: ValueLike, a_scale: ValueLike, a_zero_point: ValueLike, b: ValueLike, b_scale: ValueLike, b_zero_point: ValueLike, y_scale: ValueLike, y_zero_point: ValueLike) -> Value:
        """ONNX operator QLinearMatMul.
        Types: u8.
        """
        result: Value = self.op("qlinear_matmul", a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)
        return result

    def conv_integer(self, x: ValueLike, w: ValueLike, x_zero_point: ValueLike | None = None, w_zero_point: ValueLike | None = None, *, auto_pad: str | None = None, dilations: Sequence[int] | None = None, group: int | None = None, kernel_shape: Sequence[int] | None = None, pads: Sequence[int] | None = None, strides: Sequence[int] | None = None) -> Value:
        """ONNX operator ConvInteger.
        Types: u8.
        auto_pad: text, default "NOTSET".
        dilations: ints.
        group: int, default 1.
        kernel_shape: ints.
        pads: ints.
        strides: ints.
        """
        result: Value = self.op("conv_integer", x, w, x_zero_point, w_zero_point, auto_pad=auto_pad, dilations=dilations, group=group, kernel_shape=kernel_shape, pads=pads, strides=strides)
        return result

    def matmul_integer(self, a: ValueLike, b: ValueLike, a_zero_point: ValueLike | None = None, b_zero_point: ValueLike | None = None) -> Value:
        """ONNX operator MatMulInteger.
        Types: u8.
        """
        result: Value = self.op("matmul_integer", a, b, a_zero_point, b_zero_point)
        return result

    def nll_loss(self, x: ValueLike, target: ValueLike, weight: ValueLike | None = None, *, ignore_index: int | None = None, reduction: str | None = None) -> Value:
        """ONNX operator NegativeLogLikelihoodLoss.
        Types: floats.
        ignore_index: int, default INT64_MIN.
        reduction: text, default "mean".
        """
        result: Value = self.op("nll_loss", x, target, weight, ignore_index=ignore_index, reduction=reduction)
        return result

    def softmax_cross_entropy_loss(self, scores: ValueLike, labels: ValueLike, weights: ValueLike | None = None, *, outputs: int = 1, ignore_index: int | None = None, reduction: str | None = None) -> Any:
        """ONNX operator SoftmaxCrossEntropyLoss.
        Gives: y, log_prob.
        Results: 1 to 2, as `outputs` says.
        Types: floats.
        ignore_index: int, default INT64_MIN.
        reduction: text, default "mean".
        """
        return self.op("softmax_cross_entropy_loss", scores, labels, weights, outputs=outputs, ignore_index=ignore_index, reduction=reduction)

    def dft(self, x: ValueLike, dft_length: ValueLike | None = None, axis: ValueLike | None = None, *, inverse: int | None = None, onesided: int | None = None) -> Value:
        """ONNX operator DFT.
        Types: floats.
        inverse: int, default 0.
        onesided: int, default 0.
        """
        result: Value = self.op("dft", x, dft_length, axis, inverse=inverse, onesided=onesided)
        return result

    def stft(self, signal: ValueLike, frame_step: ValueLike, window: ValueLike | None = None, frame_length: ValueLike | None = None, *, onesided: int | None = None) -> Value:
        """ONNX operator STFT.
        Types: floats.
        onesided: int, default 1.
        """
        result: Value = self.op("stft", signal, frame_step, window, frame_length, onesided=onesided)
        return result

    def hann_window(self, size: ValueLike, *, output_datatype: DTypeLike | None = None, periodic: int | None = None) -> Value:
        """ONNX operator HannWindow.
        Types: i64.
        output_datatype: dtype.
        periodic: int, default 1.
        """
        result: Value = self.op("hann_window", size, output_datatype=output_datatype, periodic=periodic)
        return result

    def hamming_window(self, size: ValueLike, *, output_datatype: DTypeLike | None = None, periodic: int | None = None) -> Value:
        """ONNX operator HammingWindow.
        Types: i64.
        output_datatype: dtype.
        periodic: int, default 1.
        """
        result: Value = self.op("hamming_window", size, output_datatype=output_datatype, periodic=periodic)
        return result

    def blackman_window(self, size: ValueLike, *, output_datatype: DTypeLike | None = None, periodic: int | None = None) -> Value:
        """ONNX operator BlackmanWindow.
        Types: i64.
        output_datatype: dtype.
        periodic: int, default 1.
        """
        result: Value = self.op("blackman_window", size, output_datatype=output_datatype, periodic=periodic)
        return result

    def if_(self, condition: ValueLike, *captures: ValueLike | None, outputs: int = 1, then_branch: Graph | None = None, else_branch: Graph | None = None) -> Any:
        """ONNX operator If.
        Gives: results.
        Results: as many as `outputs` says.
        Types: all.
        then_branch: graph.
        else_branch: graph.
        """
        return self.op("if", condition, *captures, outputs=outputs, then_branch=then_branch, else_branch=else_branch)

    def loop(self, trip_count: ValueLike | None = None, condition: ValueLike | None = None, *states_and_captures: ValueLike | None, outputs: int = 1, body: Graph | None = None, n_state: int | None = None) -> Any:
        """ONNX operator Loop.
        Gives: states, scan_outputs.
        Results: as many as `outputs` says.
        Types: all.
        body: graph.
        n_state: int, default 0.
        """
        return self.op("loop", trip_count, condition, *states_and_captures, outputs=outputs, body=body, n_state=n_state)

    def scan(self, *states_and_scan_inputs_and_captures: ValueLike | None, outputs: int = 1, body: Graph | None = None, num_scan_inputs: int | None = None, scan_input_axes: Sequence[int] | None = None, scan_input_directions: Sequence[int] | None = None, scan_output_axes: Sequence[int] | None = None, scan_output_directions: Sequence[int] | None = None, n_state: int | None = None) -> Any:
        """ONNX operator Scan.
        Gives: states, scan_outputs.
        Results: as many as `outputs` says.
        Types: all.
        body: graph.
        num_scan_inputs: int, default 0.
        scan_input_axes: ints.
        scan_input_directions: ints.
        scan_output_axes: ints.
        scan_output_directions: ints.
        n_state: int, default 0.
        """
        return self.op("scan", *states_and_scan_inputs_and_captures, outputs=outputs, body=body, num_scan_inputs=num_scan_inputs, scan_input_axes=scan_input_axes, scan_input_directions=scan_input_directions, scan_output_axes=scan_output_axes, scan_output_directions=scan_output_directions, n_state=n_state)
