/* Options: the table and the values of one tn_options. */
#ifndef TN_SESSION_OPTIONS_H
#define TN_SESSION_OPTIONS_H
#include "base/context.h"
#include "tenon/exec.h"

typedef enum tn__option {
#define TN_OPTION(name, type, default_, low, high, choices, help) TN__OPTION_##name,
#include "session/options.def"
    TN__OPTION_COUNT
} tn__option;

typedef enum tn__option_type { TN__OPTION_TYPE_CHOICE, TN__OPTION_TYPE_INT, TN__OPTION_TYPE_TEXT } tn__option_type;

typedef struct tn__option_info {
    const char *name;
    tn__option_type type;
    const char *default_text; /* NULL: found at create */
    int64_t low, high;
    const char *choices, *help;
} tn__option_info;

extern const tn__option_info tn__option_infos[TN__OPTION_COUNT];

struct tn_options {
    tn_context *context;            /* retained */
    char *values[TN__OPTION_COUNT]; /* owned texts */
};

/* The value of an INT option (already validated). */
int64_t tn__options_int(const tn_options *options, tn__option option);
#endif
