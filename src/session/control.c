/* Control flow at run time: if, loop and scan, their bodies being executables. */
#include "session/session.h"

tn_error *tn__control_run(tn_context *context, const tn__node *node, tn_executable *const *bodies, tn_tensor *const *in,
                          tn_tensor **out) {
    return TN__FAIL(&context->allocator, UNSUPPORTED, "%s is not done yet", tn__op_infos[node->op].name);
}
