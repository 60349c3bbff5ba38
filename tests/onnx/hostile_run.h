/* Models whose inputs make them wrong at run time. Included by hostile.c only. */
#ifndef TN_TESTS_HOSTILE_RUN_H
#define TN_TESTS_HOSTILE_RUN_H
#include "hostile_load.h"

static void pick(const char *op, int64_t axis) { /* x[4, 3] and indices */
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "k", 1, DIMS(2), I64);
    begin_node(op, "pick", IN("x", "k"), "y");
    put_attr_int("axis", axis);
    end_node();
    put_output("y");
    end_model();
}
static void run_gather(void) { pick("Gather", 0); }
static void run_gather_column(void) { pick("Gather", 1); }
static void run_gather_elements(void) {
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "k", 2, DIMS(1, 2), I64);
    node("GatherElements", "pick", IN("x", "k"), "y");
    put_output("y");
    end_model();
}
static void run_gather_nd(void) {
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "k", 2, DIMS(1, 2), I64);
    node("GatherND", "pick", IN("x", "k"), "y");
    put_output("y");
    end_model();
}
static void run_scatter_nd(void) {
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "k", 2, DIMS(1, 2), I64);
    put_input("u", 1, DIMS(1));
    node("ScatterND", "put", IN("x", "k", "u"), "y");
    put_output("y");
    end_model();
}
static void run_scatter_elements(void) {
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "k", 2, DIMS(1, 2), I64);
    put_input("u", 2, DIMS(1, 2));
    node("ScatterElements", "put", IN("x", "k", "u"), "y");
    put_output("y");
    end_model();
}
static void run_sequence(void) {
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "n", 1, DIMS(3), I64);
    begin_node("ReverseSequence", "turn", IN("x", "n"), "y");
    put_attr_int("batch_axis", 1), put_attr_int("time_axis", 0);
    end_node();
    put_output("y");
    end_model();
}
static void run_loss(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 3));
    put_value(11, "t", 1, DIMS(2), I64);
    node("NegativeLogLikelihoodLoss", "loss", IN("x", "t"), "y");
    put_output("y");
    end_model();
}
static void run_reshape(void) {
    begin(17);
    put_input("x", 2, DIMS(4, 3));
    put_value(11, "s", 1, DIMS(2), I64);
    node("Reshape", "fold", IN("x", "s"), "y");
    put_output("y");
    end_model();
}
static void run_shape_op(const char *op, const char *name, const char *operand) {
    begin(17);
    put_input("x", 1, DIMS(4));
    put_value(11, operand, 1, DIMS(1), I64);
    node(op, name, !strcmp(op, "ConstantOfShape") ? IN(operand) : IN("x", operand), "z");
    if (!strcmp(op, "ConstantOfShape")) node("Add", "use", IN("z", "x"), "y");
    else node("Relu", "use", IN("z"), "y");
    put_output("y");
    end_model();
}
static void run_expand(void) { run_shape_op("Expand", "grow", "s"); }
static void run_tile(void) { run_shape_op("Tile", "repeat", "s"); }
static void run_constant(void) { run_shape_op("ConstantOfShape", "zeros", "s"); }
static void run_top_k(void) {
    begin(17);
    put_input("x", 1, DIMS(4));
    put_value(11, "k", 1, DIMS(1), I64);
    begin_node("TopK", "best", IN("x", "k"), "y");
    tn__wire_put_text(&out, 2, "i");
    end_node();
    put_output("y");
    end_model();
}
static void run_range(void) {
    begin(17);
    put_value(11, "by", 0, NULL, I64);
    put_initializer("from", I64, 0, NULL, DIMS(0), 8);
    put_initializer("to", I64, 0, NULL, DIMS(1000), 8);
    node("Range", "count", IN("from", "to", "by"), "y");
    put_output("y");
    end_model();
}
static void run_one_hot(void) {
    begin(17);
    put_value(11, "k", 1, DIMS(2), I64);
    put_value(11, "depth", 0, NULL, I64);
    put_initializer("v", F32, 1, DIMS(2), "\0\0\0\0\0\0\x80\x3f", 8);
    node("OneHot", "hot", IN("k", "depth", "v"), "y");
    put_output("y");
    end_model();
}
static void run_trip_count(void) { /* a loop that never ends, stacking a result each time */
    begin(17);
    put_value(11, "n", 0, NULL, I64);
    put_initializer("yes", BOOL, 0, NULL, "\1", 1);
    size_t at = tn__wire_begin(&out, 1), attr, body;
    tn__wire_put_text(&out, 1, "n"), tn__wire_put_text(&out, 1, "yes");
    tn__wire_put_text(&out, 2, "y"), tn__wire_put_text(&out, 3, "forever"), tn__wire_put_text(&out, 4, "Loop");
    attr = tn__wire_begin(&out, 5);
    tn__wire_put_text(&out, 1, "body"), tn__wire_put_int(&out, 20, 5);
    body = tn__wire_begin(&out, 6);
    put_value(11, "i", 0, NULL, I64), put_value(11, "go", 0, NULL, BOOL);
    put_initializer("s", I64, 1, DIMS(1), DIMS(1 << 20), 8);
    NODE("Identity", "again", "go");
    NODE("ConstantOfShape", "big", "s");
    put_output("again"), put_output("big");
    tn__wire_end(&out, body), tn__wire_end(&out, attr), tn__wire_end(&out, at);
    put_output("y");
    end_model();
}
#endif
