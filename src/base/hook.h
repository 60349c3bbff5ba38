/* The caller's hook (tenon/profile.h), as all layers call it; NULL is allowed everywhere. */
#ifndef TN_BASE_HOOK_H
#define TN_BASE_HOOK_H
#include "tenon/profile.h"

static inline void tn__hook_begin(const tn_hook *hook, const tn_profile_row *row) {
    if (hook && hook->begin) hook->begin(hook->self, row);
}
static inline void tn__hook_end(const tn_hook *hook, const tn_profile_row *row) {
    if (hook && hook->end) hook->end(hook->self, row);
}
static inline bool tn__hook_is_set(const tn_hook *hook) { return hook && (hook->begin || hook->end || hook->part); }

/* A phase of a compilation. */
static inline tn_profile_row tn__hook_phase(const char *name) {
    return (tn_profile_row){.struct_size = sizeof(tn_profile_row), .kind = "phase", .kernel = name, .node = "", .precision = ""};
}
static inline void tn__phase_begin(const tn_hook *hook, const char *name) {
    const tn_profile_row row = tn__hook_phase(name);
    tn__hook_begin(hook, &row);
}
static inline void tn__phase_end(const tn_hook *hook, const char *name) {
    const tn_profile_row row = tn__hook_phase(name);
    tn__hook_end(hook, &row);
}
#endif
