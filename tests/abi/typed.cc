// A C++17 translation unit that builds, compiles and runs a graph with typed ops: what a framework in C++ writes.
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>

#include "tenon/ops.h"
#include "tenon/tenon.h"

namespace {

template <auto release> struct releaser {
    template <class T> void operator()(T *object) const { release(object); }
};
using context_ptr = std::unique_ptr<tn_context, releaser<tn_context_release>>;
using graph_ptr = std::unique_ptr<tn_graph, releaser<tn_graph_release>>;
using tensor_ptr = std::unique_ptr<tn_tensor, releaser<tn_tensor_release>>;
using executable_ptr = std::unique_ptr<tn_executable, releaser<tn_executable_release>>;

bool ok(tn_error *error) {
    if (error) std::printf("typed.cc: %s\n", tn_error_get_message(error));
    tn_error_destroy(error);
    return !error;
}

template <class T> tensor_ptr tensor(tn_context *context, tn_dtype dtype, std::initializer_list<int64_t> dims, std::initializer_list<T> values) {
    tn_tensor *t = nullptr;
    if (!ok(tn_tensor_create(context, dtype, static_cast<int32_t>(dims.size()), dims.begin(), &t))) return nullptr;
    std::memcpy(tn_tensor_get_data(t), values.begin(), values.size() * sizeof(T));
    return tensor_ptr(t);
}

// y = relu(conv(x, w, stride 2)) summed over space, without its axis
int run() {
    tn_context *c = nullptr;
    tn_graph *g = nullptr;
    if (!ok(tn_context_create(nullptr, &c))) return 1;
    context_ptr context(c);
    if (!ok(tn_graph_create(c, "typed", &g))) return 1;
    graph_ptr graph(g);

    tensor_ptr w = tensor<float>(c, TN_DTYPE_f32, {2, 1, 2, 2}, {1, 1, 1, 1, -1, -1, -1, -1});
    tensor_ptr axes = tensor<int64_t>(c, TN_DTYPE_i64, {2}, {2, 3});
    const int64_t dims[] = {1, 1, 4, 4}, two[] = {2, 2};
    tn_conv_attrs conv = tn_conv_attrs_defaults();
    conv.strides = two;
    conv.n_strides = 2;
    tn_reduce_attrs reduce = tn_reduce_attrs_defaults();
    reduce.keepdims = 0;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, dims);
    tn_value y = tn_op_relu(g, tn_op_conv(g, x, tn_graph_constant(g, w.get()), tn_value(), &conv));
    tn_graph_output(g, "y", tn_op_reduce_sum(g, y, tn_graph_constant(g, axes.get()), &reduce));
    if (!ok(tn_graph_check(g))) return 1;

    tn_executable *e = nullptr;
    if (!ok(tn_compile(g, nullptr, &e))) return 1;
    executable_ptr executable(e);
    tensor_ptr in = tensor<float>(c, TN_DTYPE_f32, {1, 1, 4, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    tn_tensor *inputs[] = {in.get()}, *outputs[] = {nullptr};
    if (!ok(tn_executable_run(e, inputs, 1, outputs, 1))) return 1;
    tensor_ptr out(outputs[0]);
    const float *values = static_cast<const float *>(tn_tensor_get_data(out.get()));
    const bool right = tn_tensor_get_rank(out.get()) == 2 && tn_tensor_get_elements(out.get()) == 2 && values[0] == 16 && values[1] == 0;
    if (!right) std::printf("typed.cc: %g %g, wanted 16 0\n", static_cast<double>(values[0]), static_cast<double>(values[1]));
    return right ? 0 : 1;
}

} // namespace

int main() { return run(); }
