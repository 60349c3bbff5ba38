/* Option `trace`: a file that fills with the events of compilations and runs. */
#ifndef TN_SESSION_TRACE_FILE_H
#define TN_SESSION_TRACE_FILE_H
#include "base/hook.h"
#include "base/log.h"

/* One file; thread-safe. Lives as long as its context. */
typedef struct tn__trace tn__trace;

enum { TN__TRACE_MOST_BYTES = 1 << 30 }; /* of one file; the events of later runs are left out */

/* The trace of that path in the context: made for the first executable that wants it. Where another context or process is writing the file
 * (or "t.json" is another path to a file that is open) it becomes t.2.json, t.3.json and so on. */
tn_error *tn__trace_open(tn_context *c, const char *path, uint64_t most_bytes, const tn__logger *log, tn__trace **out_trace);
const char *tn__trace_path(const tn__trace *trace); /* of the file that is written */

/* A span of the calling thread; spans of a thread are nested. They are in the file when these return. */
void tn__trace_begin(tn__trace *trace, const char *category, const char *name);
void tn__trace_end(tn__trace *trace);

/* A hook that writes what it hears and passes it on to the caller's own. */
typedef struct tn__trace_hook {
    tn__trace *trace; /* borrowed */
    tn_hook next;     /* all NULL: none */
} tn__trace_hook;
tn_hook tn__trace_hook_of(tn__trace_hook *self);
#endif
