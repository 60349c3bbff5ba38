/* What the verbs of the command-line tool share: the verb table, argument parsing, messages, and loading models.
 *
 * Exit codes: 0 done, 1 failed (one line `tenon: ...` on stderr), 2 wrong use. Unlike the library, the tool may print and exit. */
#ifndef TENON_TOOL_CLI_H
#define TENON_TOOL_CLI_H
#include <jansson.h>
#include "tenon/tenon.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* ---- verbs --------------------------------------------------------------------------------------------------- */

typedef struct cli_verb {
    const char *name;
    const char *operands; /* for the usage line */
    const char *summary;  /* one line */
    int (*run)(const struct cli_verb *verb, int argc, char **argv); /* argv without program and verb */
} cli_verb;

/*        verb         operands            summary */
#define CLI_VERBS(V)                                                                                              \
    V(test_onnx, "test-onnx", "DIR...",     "run the ONNX backend tests found below folders")                     \
    V(run,       "run",       "MODEL",      "run a model once and print its outputs")                             \
    V(show,      "show",      "MODEL",      "print a model's graph as text, dot, SVG, HTML or JSON")              \
    V(diff,      "diff",      "MODEL",      "compare every value of a model on two devices")                      \
    V(trace,     "trace",     "MODEL",      "mean, variance, extremes, NaN and infinity of every value")           \
    V(bench,     "bench",     "MODEL...",   "time models")                                                        \
    V(compare,   "compare",   "A [B]",      "say which of two is faster: models, options or commands")             \
    V(sweep,     "sweep",     "MODEL",      "time a model under every combination of options")                    \
    V(tune,      "tune",      "MODEL",      "find the options under which a model is best for a goal")            \
    V(schedules, "schedules", "list|...",   "look at and merge files of tuned schedules of kernels")                \
    V(records,   "records",   "list|...",   "look at, export and import recorded measurements")                   \
    V(reproduce, "reproduce", "RECORD",     "run a recorded measurement again and say whether it holds")           \
    V(doctor,    "doctor",    "MODEL",      "hints for a model on this machine, the most worthwhile first")        \
    V(profile,   "profile",   "MODEL",      "time every kernel of a model")                                      \
    V(report,    "report",    "[MODEL]",    "records, and how a model runs, as one HTML page")                    \
    V(options,   "options",   "",           "list the library's options, their values and where they come from") \
    V(info,      "info",      "",           "print version, processor, devices and measured ceilings")            \
    V(version,   "version",   "",           "print the version")

#define CLI_DECLARE(id, name, operands, summary) int cli_cmd_##id(const cli_verb *verb, int argc, char **argv);
CLI_VERBS(CLI_DECLARE)
#undef CLI_DECLARE

/* ---- arguments ----------------------------------------------------------------------------------------------- */

typedef struct cli_texts {
    char **items; /* owned, also the texts */
    size_t count;
} cli_texts;
void cli_texts_free(cli_texts *t);
void cli_texts_add(cli_texts *t, const char *text); /* copies it */

typedef enum cli_kind {
    CLI_FLAG,  /* bool */
    CLI_TEXT,  /* const char * */
    CLI_COUNT, /* int64_t, >= 0 */
    CLI_REAL,  /* double, >= 0 */
    CLI_TEXTS  /* cli_texts; may be repeated */
} cli_kind;

typedef struct cli_option {
    const char *name; /* without dashes */
    cli_kind kind;
    void *target;      /* keeps its value when the option is absent */
    const char *value; /* what stands for the value in the help; NULL for flags */
    const char *help;
} cli_option;

/* Fills the targets and `operands` (first freed by the caller with cli_texts_free). `options` ends with a zero row. Returns -1
 * to go on, else the exit code: --help was answered (0) or the arguments are wrong (2, said on stderr). */
int cli_parse(const cli_verb *verb, const cli_option *options, int argc, char **argv, cli_texts *operands);
/* Number from text, whole text only. */
bool cli_parse_count(const char *text, int64_t *out);
bool cli_parse_real(const char *text, double *out);
/* The action of a verb that has several ("records list"): the row whose name, a const char * that every row begins with, is the first operand.
 * NULL after a message; `wanted` says what there is. */
const void *cli_find_action(const cli_verb *verb, const void *rows, size_t row_bytes, size_t n, const cli_texts *operands, const char *wanted);
/* The name of `names` nearest to `text`, NULL if none is near. */
const char *cli_nearest(const char *text, const char *const *names, size_t n);

/* ---- messages ------------------------------------------------------------------------------------------------ */

int cli_fail(const char *format, ...) TN_PRINTF(1, 2);  /* prints `tenon: ...`, returns CLI_FAILED */
int cli_usage(const char *format, ...) TN_PRINTF(1, 2); /* prints `tenon: ...`, returns CLI_USAGE */
int cli_fail_error(tn_error *e);                        /* likewise with the error's text; frees it */
void cli_progress(const char *format, ...) TN_PRINTF(1, 2); /* replaces the progress line; only on a terminal */
void cli_progress_end(void);
void cli_print_json(json_t *value); /* to stdout, takes the reference */
/* Texts of a framework may be any bytes: escaped (tn__source_escape) where JSON, pictures or a terminal would not take them. free() */
char *cli_escape(const char *text);
/* "a, b and 3 more", at most `most` of them (0: all). free() */
char *cli_sources_text(const char *const *sources, uint32_t n_sources, uint32_t n_hidden, uint32_t most);
json_t *cli_text_json(const char *text);                                  /* NULL: "" */
json_t *cli_joined_json(const char *first, const char *second);           /* "first second" */
json_t *cli_sources_json(const char *const *sources, uint32_t n_sources); /* an array */
json_t *cli_json_real(double x);     /* null for NaN and infinity, which JSON does not know */
/* Memory that is there: the tool ends with a message when there is none. */
void *cli_alloc(size_t bytes); /* zeroed */
void *cli_realloc(void *memory, size_t bytes);
char *cli_printf(const char *format, ...) TN_PRINTF(1, 2); /* free() */
uint64_t cli_now_ns(void); /* monotonic */

/* ---- library ------------------------------------------------------------------------------------------------- */

/* What verbs that execute a model have in common. */
typedef struct cli_target {
    const char *device; /* NULL: the library's default */
    int64_t threads;    /* 0: default */
    const char *config; /* a file of options; NULL: none */
    cli_texts settings; /* KEY=VALUE of the library's options */
    cli_texts limits;   /* NAME=N of tn_limits */
} cli_target;
void cli_target_free(cli_target *t);
#define CLI_TARGET_OPTIONS(t)                                                                          \
    {"device", CLI_TEXT, &(t)->device, "NAME", "what runs it: cpu (default), ref (the slow reference) or null"},  \
    {"threads", CLI_COUNT, &(t)->threads, "N", "threads to use (default: the machine's cores)"},       \
    {"config", CLI_TEXT, &(t)->config, "FILE", "a file of options: lines KEY = VALUE, or JSON"},         \
    {"set", CLI_TEXTS, &(t)->settings, "KEY=VALUE", "an option of the library; may be repeated"},      \
    CLI_LIMIT_OPTION(&(t)->limits)
#define CLI_LIMIT_OPTION(t) {"limit", CLI_TEXTS, (t), "NAME=N", "a limit, e.g. max_bytes=1000000; may be repeated"}

/* The tool's context: warnings go to stderr. `limits` may be NULL. */
tn_error *cli_context_create(const cli_texts *limits, tn_context **out_context);
/* NAME=N of each text into *out; 0 elsewhere. */
tn_error *cli_limits_read(const cli_texts *limits, tn_limits *out);
tn_error *cli_options_create(tn_context *context, const cli_target *target, tn_options **out_options);
/* A graph from an ONNX file, or from the text form (a file that begins with "graph"). */
tn_error *cli_graph_load(tn_context *context, const char *path, tn_graph **out_graph);
/* What the device gets at a call with these inputs, one for each of the graph's: types inferred from them, shape arithmetic folded, variables as
 * inputs and outputs behind the others. */
tn_error *cli_graph_specialise(const tn_graph *graph, tn_tensor *const *inputs, tn_graph **out_graph);
#endif
