/* Collecting what happens, by a hook, and writing it in the JSON format that Perfetto and chrome://tracing read. */
#ifndef TENON_TOOL_TRACE_H
#define TENON_TOOL_TRACE_H
#include "cli.h"

typedef struct cli_trace cli_trace;
cli_trace *cli_trace_create(void);
void cli_trace_free(cli_trace *t);
tn_hook cli_trace_hook(cli_trace *t);
/* A span of the calling thread, which must be the one that compiles and runs; may be nested. */
void cli_trace_begin(cli_trace *t);
void cli_trace_end(cli_trace *t, const char *category, const char *name);
/* Spans and parts so far, as in the file: an array of objects, a new reference. */
json_t *cli_trace_events(const cli_trace *t);
/* The file appears whole or not at all. */
tn_error *cli_trace_write(const cli_trace *t, tn_context *context, const char *model, const char *path);
#endif
