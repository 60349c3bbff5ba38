/* tenon: the command-line tool. Finds the verb and runs it. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const cli_verb verbs[] = {
#define CLI_ROW(id, name, operands, summary) {name, operands, summary, cli_cmd_##id},
    CLI_VERBS(CLI_ROW)
#undef CLI_ROW
};
enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

static const cli_verb *find_verb(const char *name) {
    for (size_t i = 0; i < N_VERBS; i++)
        if (!strcmp(verbs[i].name, name)) return &verbs[i];
    return NULL;
}

static int unknown_verb(const char *name) {
    const char *names[N_VERBS + 1] = {"help"};
    for (size_t i = 0; i < N_VERBS; i++) names[i + 1] = verbs[i].name;
    const char *near = cli_nearest(name, names, N_VERBS + 1);
    if (near) return cli_usage("unknown verb '%s'; did you mean '%s'?", name, near);
    return cli_usage("unknown verb '%s'; see `tenon help`", name);
}

static void print_help(FILE *to) {
    fprintf(to, "tenon: compiles and runs deep-learning graphs\n\nusage: tenon VERB ...\n\nverbs:\n");
    for (size_t i = 0; i < N_VERBS; i++) fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    fprintf(to, "  %-12s %s\n\n`tenon help VERB` tells more. Exit codes: 0 done, 1 failed, 2 wrong use.\n", "help",
            "print this, or the help of one verb");
}

static int help(int argc, char **argv) {
    if (argc < 1 || !strcmp(argv[0], "help") || !strcmp(argv[0], "--help")) {
        print_help(stdout);
        return CLI_OK;
    }
    const cli_verb *verb = find_verb(argv[0]);
    if (!verb) return unknown_verb(argv[0]);
    char *help_argument[] = {"--help", NULL};
    return verb->run(verb, 1, help_argument);
}

int cli_cmd_version(const cli_verb *verb, int argc, char **argv) {
    bool json = false;
    const cli_option options[] = {{"json", CLI_FLAG, &json, NULL, "print JSON"}, {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count) code = cli_usage("version takes no operands");
    cli_texts_free(&operands);
    if (code >= 0) return code;
    if (json) cli_print_json(json_pack("{ss}", "version", tn_version()));
    else printf("tenon %s\n", tn_version());
    return CLI_OK;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) return help(argc - 2, argv + 2);
    if (!strcmp(name, "--version")) name = "version";
    const cli_verb *verb = find_verb(name);
    int code = verb ? verb->run(verb, argc - 2, argv + 2) : unknown_verb(name);
    if (fflush(stdout) != 0 || ferror(stdout)) return cli_fail("could not write the output");
    return code;
}
