/* Options: the table and the values of one tn_options. */
#ifndef TN_SESSION_OPTIONS_H
#define TN_SESSION_OPTIONS_H
#include "base/context.h"
#include "tenon/profile.h"

typedef enum tn__option {
#define TN_OPTION(name, type, default_, low, high, choices, help) TN__OPTION_##name,
#include "session/options.def"
    TN__OPTION_COUNT
} tn__option;

typedef enum tn__option_type { TN__OPTION_TYPE_CHOICE, TN__OPTION_TYPE_INT, TN__OPTION_TYPE_TEXT, TN__OPTION_TYPE_REAL, TN__OPTION_TYPE_LIST } tn__option_type;

typedef struct tn__option_info {
    const char *name;
    tn__option_type type;
    const char *default_text; /* NULL: found at create */
    int64_t low, high;
    const char *choices, *help;
} tn__option_info;

extern const tn__option_info tn__option_infos[TN__OPTION_COUNT];

/* Where a value comes from; what stands further down wins, whatever the order in which they are read. */
typedef enum tn__option_rank { TN__OPTION_DEFAULT, TN__OPTION_FILE, TN__OPTION_ENVIRONMENT, TN__OPTION_SET } tn__option_rank;

struct tn_options {
    tn__handle handle;
    tn_context *context;             /* retained */
    char *values[TN__OPTION_COUNT];  /* owned texts */
    char *origins[TN__OPTION_COUNT]; /* owned texts; NULL: default, or set by a call */
    uint8_t ranks[TN__OPTION_COUNT]; /* tn__option_rank */
    tn_hook hook;                    /* all NULL: none */
};

/* The option of that name, its first `bytes` bytes; -1: none. */
int tn__option_find(const char *key, size_t bytes);
/* Levenshtein distance of texts of at most 64 characters; longer ones count as far (SIZE_MAX). */
size_t tn__edit_distance(const char *x, const char *y);
/* Sets a value that comes from `origin` ("tenon.conf:3"; NULL: none), unless a stronger one is there. Checks it in any case. */
tn_error *tn__options_put(tn_options *options, const char *key, const char *value, tn__option_rank rank, const char *origin);
/* options_source.c: reads what tn_options_load_file describes from memory; errors begin with `name`. */
tn_error *tn__options_read(tn_options *options, const char *name, const char *text, size_t bytes);
/* The file that TENON_CONFIG names, then all TENON_<KEY>. */
tn_error *tn__options_load_environment(tn_options *options);

/* The value of an INT option (already validated). */
int64_t tn__options_int(const tn_options *options, tn__option option);
/* The same of a REAL option. */
double tn__options_real(const tn_options *options, tn__option option);
/* Which of its choices a CHOICE option has, from 0. */
int tn__options_choice(const tn_options *options, tn__option option);
#endif
