/* The page of `tenon report`: records of the store, and one model that was run for it. All is gathered before the first byte is written. */
#ifndef TENON_TOOL_HTML_REPORT_H
#define TENON_TOOL_HTML_REPORT_H
#include "ceilings_cache.h"
#include "html.h"
#include "inputs.h"
#include "measure/machine.h"
#include "timing.h"

/* ---- records: html_report_load.c, html_report_records.c ------------------------------------------------------ */

typedef struct report_record {
    int64_t id;
    json_t *json; /* owned; what follows borrows from it */
    const char *time, *name, *kind, *cpu;
    const char *model;        /* hash of its file, else its name: records with the same one share a plot */
    double median, low, high; /* seconds; low and high: its 95 % interval, the median itself where there is none */
    bool has_interval, distorted;
    json_t *settings;         /* texts by name: options and what else the time depends on; owned */
} report_record;

typedef struct report_records {
    report_record *items; /* oldest first */
    size_t n, n_older;    /* n_older: matched, but left out by `last` */
    cli_texts notes;      /* what was skipped and why */
    char *store;          /* owned: path */
    const char *over;     /* "time" or a setting */
} report_records;

typedef struct report_choice {
    const char *db;
    cli_texts ids;         /* of `--records`, to be shown in any case */
    const char *name;      /* part of the name; NULL: any */
    const char *model;     /* hash; NULL: any */
    const char *over;      /* NULL: "commit" where records differ in it, else "time" */
    int64_t last;          /* at most so many */
} report_choice;

tn_error *report_records_load(const report_choice *choice, report_records *out);
void report_records_write(const report_records *r, FILE *to);
void report_records_free(report_records *r);

/* ---- a model: html_report_model.c ---------------------------------------------------------------------------- */

typedef struct report_model {
    const char *path;
    char sha256[SHA256_TEXT];
    json_t *options, *environment; /* owned */
    tn_executable_stats stats;
    tn_profile *profile;           /* owned */
    tn_profile_row *rows;          /* of the profile, in order of the steps; owned, texts borrowed */
    uint32_t n_rows;
    double sum_ns;                 /* of all steps' least times */
    double *samples;               /* seconds of the profiled runs; owned */
    size_t n_samples;
    double median, low, high;      /* seconds, of the profiled runs */
    int64_t threads;
    tn__distortions distortions;
    json_t *events;                /* of one more run, from 0 us on, as in a trace; owned */
    double run_us;                 /* how long it took */
    tn__rates rates;               /* ceilings of as many threads, measured */
    json_t *rates_distortions;     /* owned: what spoilt that, texts */
    double level_read[TN__CACHE_LEVELS]; /* of one thread, as tenon info --measure left them; 0: not known */
} report_model;

typedef struct report_run {
    cli_target target;
    cli_inputs inputs;
    double seconds;
} report_run;

tn_error *report_model_run(const char *path, const report_run *run, report_model *out);
void report_model_write(const report_model *m, FILE *to);
void report_model_free(report_model *m);

void report_kernels_write(const report_model *m, FILE *to);  /* html_report_kernels.c */
void report_roofline_write(const report_model *m, FILE *to); /* html_report_roofline.c */
void report_timeline_write(const report_model *m, FILE *to); /* html_report_timeline.c */
#endif
