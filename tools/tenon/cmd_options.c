/* tenon options: every option of the library, its effective value and where that comes from. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "session/options.h"

static char *range_of(const tn__option_info *o) {
    if (o->type == TN__OPTION_TYPE_CHOICE) return cli_printf("%s", o->choices);
    if (o->type == TN__OPTION_TYPE_LIST) return cli_printf("some of %s, with commas between", o->choices);
    if (o->type == TN__OPTION_TYPE_INT) return cli_printf("%" PRId64 " to %" PRId64, o->low, o->high);
    if (o->type == TN__OPTION_TYPE_REAL) return cli_printf("real, %" PRId64 " to %" PRId64, o->low, o->high);
    return cli_printf("text");
}

static json_t *row_json(const tn__option_info *o, const tn_options *options, const char *range) {
    return json_pack("{ss ss ss ss* ss ss}", "key", o->name, "value", tn_options_get(options, o->name), "origin",
                     tn_options_get_origin(options, o->name), "default", o->default_text, "values", range, "help", o->help);
}

static int list(const cli_target *target, bool json) {
    tn_context *context;
    tn_options *options = NULL;
    tn_error *e = cli_context_create(&target->limits, &context);
    if (e) return cli_fail_error(e);
    e = cli_options_create(context, target, &options);
    json_t *rows = json && !e ? json_array() : NULL;
    for (int i = 0; !e && i < TN__OPTION_COUNT; i++) {
        const tn__option_info *o = &tn__option_infos[i];
        char *range = range_of(o);
        if (rows) json_array_append_new(rows, row_json(o, options, range));
        else printf("%s = %s\n    %s (%s); from: %s\n", o->name, tn_options_get(options, o->name), o->help, range,
                    tn_options_get_origin(options, o->name));
        free(range);
    }
    if (rows) cli_print_json(json_pack("{ss so}", "version", tn_version(), "options", rows));
    if (options) tn_options_release(options);
    tn_context_release(context);
    return e ? cli_fail_error(e) : CLI_OK;
}

int cli_cmd_options(const cli_verb *verb, int argc, char **argv) {
    cli_target target = {0};
    bool json = false;
    const cli_option options[] = {CLI_TARGET_OPTIONS(&target), {"json", CLI_FLAG, &json, NULL, "print JSON"}, {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count) code = cli_usage("options takes no operands");
    if (code < 0) code = list(&target, json);
    cli_target_free(&target);
    cli_texts_free(&operands);
    return code;
}
