/* constant. */
#include "op/op.h"

tn_error *tn__infer_constant(tn__infer *c) {
    const tn__attrs_constant *attrs = c->attrs;
    if (!attrs->value) return TN__INFER_FAIL(c, INVALID_GRAPH, "attribute 'value' is missing");
    tn__shape_set(c, 0, attrs->value->dtype, attrs->value->rank, attrs->value->dims);
    return NULL;
}
