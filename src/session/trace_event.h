/* Events of a trace in the JSON format that Perfetto and chrome://tracing read ("Trace Event Format"), as text. */
#ifndef TN_SESSION_TRACE_EVENT_H
#define TN_SESSION_TRACE_EVENT_H
#include "base/alloc.h"
#include "tenon/profile.h"

typedef struct tn__trace_event {
    char phase;           /* X a span; B, E its two ends; i a moment; M a name: `name` is "process_name" or "thread_name", `second` the name */
    const char *category; /* or NULL */
    const char *name, *second; /* joined by a blank; NULL or "": not there. Any bytes: what is no UTF-8 goes escaped */
    int64_t process, thread;
    uint64_t begin_ns, end_ns; /* of the monotonic clock; X alone has an end */
    const tn_profile_row *row; /* of a step: what it says goes along; or NULL */
} tn__trace_event;

/* Appends the object {...} in one line. */
void tn__trace_print(tn__text *to, const tn__trace_event *event);
#endif
