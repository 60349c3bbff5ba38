/* Shape rules and evaluations that the table names and no family has written yet: they refuse with an error that says so. Weak, so a
 * family's definition takes their place. */
#include "op/op.h"

static tn_error *no_infer(tn__infer *c) { return TN__INFER_FAIL(c, UNSUPPORTED, "this op has no shape rule yet"); }
static tn_error *no_eval(tn__eval *c) {
    return TN__EVAL_FAIL(c, UNSUPPORTED, "%s has no evaluation yet", tn__op_infos[c->op].name);
}

#define TN_INFER_ROW(name) __attribute__((weak)) tn_error *tn__infer_##name(tn__infer *c) { return no_infer(c); }
#define TN_EVAL_ROW(name) __attribute__((weak)) tn_error *tn__eval_##name(tn__eval *c) { return no_eval(c); }
TN_INFER_ROW(constant)
