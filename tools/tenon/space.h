/* Combinations of option values, each timed once: what sweep and tune walk over. A combination that the record store has already is taken
 * from there, so a walk that was interrupted goes on where it ended. */
#ifndef TENON_TOOL_SPACE_H
#define TENON_TOOL_SPACE_H
#include "store.h"
#include "timing.h"

enum { SPACE_AXES_MOST = 16, SPACE_COMBINATIONS_MOST = 100000, SPACE_DEFAULTS = -1 /* the combination that sets nothing */ };

typedef struct space_axis {
    char *key; /* owned, values too; "dim.NAME" is a dimension of the inputs, all else an option */
    cli_texts values;
} space_axis;

typedef struct space {
    space_axis axes[SPACE_AXES_MOST];
    size_t n;
    int64_t total;
} space;

/* From texts "KEY=VALUE,VALUE,..."; `out` is to be freed in any case. */
tn_error *space_read(const cli_texts *over, space *out);
void space_free(space *s);
/* The settings "KEY=VALUE" of a combination are appended to `options` and `dims`. Returns them as one text, to be freed. */
char *space_settle(const space *s, int64_t at, cli_texts *options, cli_texts *dims);

typedef struct space_run {
    tn_context *context;
    store *db;
    const char *path, *kind; /* the model; kind of the records */
    timing_settings timing;
    bool force; /* keep distorted measurements too */
} space_run;

/* What sweep and tune have in common but the space itself: a timing_settings, whether to force, the store's path. */
#define SPACE_OPTIONS(t, force, db)                                                                                        \
    TIMING_OPTIONS(t),                                                                                                     \
    {"check", CLI_FLAG, &(t)->check, NULL, "compare the outputs with those of the slow reference"},                        \
    {"force", CLI_FLAG, (force), NULL, "keep distorted measurements too"},                                                 \
    {"db", CLI_TEXT, (db), "FILE", "the record store (default: tenon/records.db in XDG_DATA_HOME)"},                       \
    CLI_INPUT_OPTIONS(&(t)->inputs),                                                                                       \
    CLI_TARGET_OPTIONS(&(t)->target)

typedef struct space_result {
    char *what; /* owned: "threads=1 cache=off" */
    int64_t at; /* the combination */
    double median, low, high; /* seconds of a call */
    double calls_a_second;
    double bytes;             /* arena, constants and code */
    double error;             /* largest absolute one of the outputs against ref; NaN: not compared */
    bool kept;                /* was in the store */
} space_result;

/* Times combination `at`, or takes it from the store; errors begin with its settings. r->what is owned by the caller in any case. */
tn_error *space_time(const space_run *run, const space *s, int64_t at, space_result *r);
#endif
