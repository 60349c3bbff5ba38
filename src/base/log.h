/* Messages: to whom, and how much is said. */
#ifndef TN_BASE_LOG_H
#define TN_BASE_LOG_H
#include "base/context.h"

/* Who hears what one executable has to say. */
typedef struct tn__logger {
    const tn_context *context; /* borrowed; its function gets the messages */
    tn_log_level most;         /* what is less urgent is not said; 0: all is */
    bool to_stderr;            /* where the context has no function, lines of text go there */
} tn__logger;

/* False: nobody hears it, so it need not be put together. */
static inline bool tn__log_wants(const tn__logger *l, tn_log_level level) {
    return (l->context->log || l->to_stderr) && (!l->most || level <= l->most);
}
/* One line, without an end of line. */
void tn__log_to(const tn__logger *l, tn_log_level level, const char *format, ...) TN_PRINTF(3, 4);
/* What belongs to no executable. */
void tn__log(const tn_context *c, tn_log_level level, const char *format, ...) TN_PRINTF(3, 4);
#endif
