/* Fuzzes the options: lines of `key=value` one by one, and the whole as a file of options. */
#include <stdlib.h>
#include <string.h>

#include "session/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *source = malloc(size + 1);
    if (!source) return 0;
    if (size) memcpy(source, data, size);
    source[size] = 0;
    tn_context *context = NULL;
    tn_options *options = NULL;
    tn_error *error = tn_context_create(NULL, &context);
    if (!error) error = tn_options_create(context, &options);
    tn_error_destroy(error);
    if (options) tn_error_destroy(tn__options_read(options, "fuzz", source, size));
    for (char *line = source, *next; options && line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        char *equals = strchr(line, '=');
        if (!equals) continue;
        *equals = 0;
        error = tn_options_set(options, line, equals + 1);
        if (!error && !tn_options_get(options, line)) abort(); /* a key that can be set can be read */
        tn_error_destroy(error);
    }
    tn_options_release(options);
    tn_context_release(context);
    free(source);
    return 0;
}
