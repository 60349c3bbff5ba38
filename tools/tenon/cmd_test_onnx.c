/* tenon test-onnx: runs folders in the layout of the ONNX backend tests.
 *
 * Each test runs in a child process of its own, so that a crash or an endless loop costs one test and not the run. The child
 * sends one byte (the outcome) and the reason through a pipe. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "compare.h"

typedef enum outcome { PASS = 'p', FAIL = 'f', UNSUPPORTED = 'u' } outcome;
static const char *outcome_name(outcome o) { return o == PASS ? "pass" : o == FAIL ? "fail" : "unsupported"; }

typedef struct onnx_test {
    char *path, *name; /* owned */
} onnx_test;

typedef struct test_list {
    onnx_test *items;
    size_t count;
    const char *filter;
} test_list;

typedef struct result {
    outcome outcome;
    char reason[600];
} result;

/* ---- finding tests ------------------------------------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int is_data_set(const struct dirent *d) { return !strncmp(d->d_name, "test_data_set_", 14); }
static int is_visible(const struct dirent *d) { return d->d_name[0] != '.' && !is_data_set(d); }

static void free_entries(struct dirent **entries, int n) {
    for (int i = 0; i < n; i++) free(entries[i]);
    free(entries);
}

static bool is_file(const char *folder, const char *name) {
    char *path = cli_printf("%s/%s", folder, name);
    struct stat s;
    bool yes = stat(path, &s) == 0 && S_ISREG(s.st_mode);
    free(path);
    return yes;
}

static bool is_test(const char *folder) {
    if (!is_file(folder, "model.onnx")) return false;
    struct dirent **sets;
    int n = scandir(folder, &sets, is_data_set, by_name);
    if (n < 0) return false;
    free_entries(sets, n);
    return n > 0;
}

static void add_test(test_list *tests, const char *path, const char *name) {
    if (tests->filter && !strstr(name, tests->filter)) return;
    tests->items = cli_realloc(tests->items, (tests->count + 1) * sizeof *tests->items);
    tests->items[tests->count++] = (onnx_test){cli_printf("%s", path), cli_printf("%s", name)};
}

/* `name` is the path below the folder named by the user, or that folder's own name. */
static void find_tests(test_list *tests, const char *path, const char *name, int depth) {
    if (is_test(path)) {
        add_test(tests, path, name);
        return;
    }
    struct dirent **entries;
    int n = depth < 16 ? scandir(path, &entries, is_visible, by_name) : -1; /* a bound, because links may form a ring */
    if (n < 0) return;
    for (int i = 0; i < n; i++) {
        char *below = cli_printf("%s/%s", path, entries[i]->d_name);
        char *below_name = depth ? cli_printf("%s/%s", name, entries[i]->d_name) : cli_printf("%s", entries[i]->d_name);
        struct stat s;
        if (stat(below, &s) == 0 && S_ISDIR(s.st_mode)) find_tests(tests, below, below_name, depth + 1);
        free(below);
        free(below_name);
    }
    free_entries(entries, n);
}

static int find_all(test_list *tests, const cli_texts *folders) {
    for (size_t i = 0; i < folders->count; i++) {
        char *path = cli_printf("%s", folders->items[i]);
        for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) path[n - 1] = 0;
        struct stat s;
        bool found = stat(path, &s) == 0;
        if (!found || !S_ISDIR(s.st_mode)) {
            int code = cli_fail("%s: %s", path, found ? "not a folder" : strerror(errno));
            free(path);
            return code;
        }
        char *full = realpath(path, NULL); /* so that "." has a name */
        const char *base = full ? strrchr(full, '/') : NULL;
        find_tests(tests, path, base && base[1] ? base + 1 : path, 0);
        free(full);
        free(path);
    }
    return -1;
}

/* ---- one test ------------------------------------------------------------------------------------------------ */

static void set_result(result *r, outcome o, const char *format, ...) TN_PRINTF(3, 4);
static void set_result(result *r, outcome o, const char *format, ...) {
    va_list args;
    va_start(args, format);
    r->outcome = o;
    vsnprintf(r->reason, sizeof r->reason, format, args);
    va_end(args);
}

static void set_error(result *r, const char *where, tn_error *e) {
    tn_error_code code = tn_error_get_code(e);
    bool unsupported = code == TN_ERROR_UNSUPPORTED || code == TN_ERROR_NOT_FOUND;
    set_result(r, unsupported ? UNSUPPORTED : FAIL, "%s%s: %s", where, tn_error_code_name(code), tn_error_get_message(e));
    tn_error_destroy(e);
}

/* input_0.pb, input_1.pb, ... of a data set; at most `wanted` + 1, so that too many are noticed. */
static tn_error *load_numbered(tn_context *context, const char *folder, const char *stem, tn_tensor **tensors,
                               uint32_t wanted, uint32_t *out_n) {
    *out_n = 0;
    for (;;) {
        char name[64];
        snprintf(name, sizeof name, "%s_%u.pb", stem, *out_n);
        if (!is_file(folder, name)) return NULL;
        if (*out_n == wanted) {
            ++*out_n;
            return NULL;
        }
        char *path = cli_printf("%s/%s", folder, name);
        tn_error *e = tn_onnx_load_tensor(context, path, &tensors[*out_n]);
        free(path);
        if (e) return e;
        ++*out_n;
    }
}

static void release_all(tn_tensor **tensors, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (tensors[i]) tn_tensor_release(tensors[i]);
    free(tensors);
}

static void run_set(tn_context *context, const tn_graph *graph, tn_executable *executable, const char *folder,
                    const char *where, const cli_tolerance *tolerance, result *r) {
    uint32_t n_in = tn_graph_get_input_count(graph), n_out = tn_graph_get_output_count(graph), found_in, found_out;
    tn_tensor **in = cli_alloc((size_t)n_in * sizeof *in), **out = cli_alloc((size_t)n_out * sizeof *out),
              **wanted = cli_alloc((size_t)n_out * sizeof *wanted);
    tn_error *e = load_numbered(context, folder, "input", in, n_in, &found_in);
    if (!e) e = load_numbered(context, folder, "output", wanted, n_out, &found_out);
    if (e) {
        set_error(r, where, e);
    } else if (found_in != n_in || found_out != n_out) {
        set_result(r, FAIL, "%sthe graph has %u inputs and %u outputs, the data set %s%u and %s%u", where, n_in, n_out,
                   found_in > n_in ? "at least " : "", found_in, found_out > n_out ? "at least " : "", found_out);
    } else if ((e = tn_executable_run(executable, in, n_in, out, n_out))) {
        set_error(r, where, e);
    } else {
        for (uint32_t i = 0; i < n_out && r->outcome == PASS; i++) {
            cli_difference d;
            cli_compare(out[i], wanted[i], tolerance, &d);
            if (!d.ok) set_result(r, FAIL, "%soutput %u '%s': %s", where, i, tn_graph_get_output_name(graph, i), d.reason);
        }
    }
    release_all(in, n_in);
    release_all(out, n_out);
    release_all(wanted, n_out);
}

static tn_error *prepare(tn_context *context, const char *folder, const cli_target *target, cli_tolerance *tolerance,
                         tn_graph **out_graph, tn_executable **out_executable) {
    char *tolerance_path = cli_printf("%s/tolerance.txt", folder), *model_path = cli_printf("%s/model.onnx", folder);
    tn_options *options = NULL;
    tn_error *e = cli_tolerance_read(context, tolerance_path, tolerance);
    if (!e) e = cli_options_create(context, target, &options);
    if (!e) e = tn_onnx_load_file(context, model_path, out_graph);
    if (!e) e = tn_compile(*out_graph, options, out_executable);
    if (options) tn_options_release(options);
    free(tolerance_path);
    free(model_path);
    return e;
}

static void run_test(const char *folder, const cli_target *target, result *r) {
    *r = (result){.outcome = PASS};
    tn_context *context = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    cli_tolerance tolerance = CLI_TOLERANCE_ONNX;
    tn_limits limits;
    const tn_context_options silent = {.struct_size = sizeof silent, .limits = &limits}; /* warnings are no part of the result */
    tn_error *e = cli_limits_read(&target->limits, &limits);
    if (!e) e = tn_context_create(&silent, &context);
    if (!e) e = prepare(context, folder, target, &tolerance, &graph, &executable);
    if (e) {
        set_error(r, "", e);
    } else {
        struct dirent **sets;
        int n = scandir(folder, &sets, is_data_set, by_name);
        if (n <= 0) set_result(r, FAIL, "no test_data_set_* could be read");
        for (int i = 0; i < n && r->outcome == PASS; i++) {
            char *path = cli_printf("%s/%s", folder, sets[i]->d_name), *where = cli_printf("%s: ", sets[i]->d_name);
            run_set(context, graph, executable, path, n > 1 ? where : "", &tolerance, r);
            free(path);
            free(where);
        }
        if (n >= 0) free_entries(sets, n);
    }
    if (executable) tn_executable_release(executable);
    if (graph) tn_graph_release(graph);
    if (context) tn_context_release(context);
}

/* ---- children ------------------------------------------------------------------------------------------------ */

static void send_all(int fd, const char *data, size_t bytes) {
    while (bytes) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        data += n;
        bytes -= (size_t)n;
    }
}

static void child(const char *folder, const cli_target *target, int fd) {
    result r;
    run_test(folder, target, &r);
    char kind = (char)r.outcome;
    send_all(fd, &kind, 1);
    send_all(fd, r.reason, strlen(r.reason));
    close(fd);
    _exit(0); /* not exit: what the parent has buffered is the parent's to write */
}

/* Reads until the child closes its end. False when `seconds` are over. */
static bool receive(int fd, double seconds, char *text, size_t bytes, size_t *out_n) {
    uint64_t end = cli_now_ns() + (uint64_t)(seconds * 1e9);
    *out_n = 0;
    for (;;) {
        uint64_t now = cli_now_ns();
        if (now >= end) return false;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t ms = (end - now) / 1000000 + 1;
        int ready = poll(&p, 1, ms > 1000 ? 1000 : (int)ms);
        if (ready < 0 && errno != EINTR) return true;
        if (ready <= 0) continue;
        char rest[256];
        bool full = *out_n + 1 >= bytes;
        ssize_t n = full ? read(fd, rest, sizeof rest) : read(fd, text + *out_n, bytes - 1 - *out_n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return true;
        if (!full) *out_n += (size_t)n;
    }
}

static void run_in_child(const char *folder, const cli_target *target, double seconds, result *r) {
    int fds[2];
    fflush(NULL);
    if (pipe(fds) != 0) {
        set_result(r, FAIL, "no pipe: %s", strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(folder, target, fds[1]);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        set_result(r, FAIL, "no process: %s", strerror(errno));
        return;
    }
    char text[sizeof r->reason + 1];
    size_t n;
    bool in_time = receive(fds[0], seconds, text, sizeof text, &n);
    if (!in_time) kill(pid, SIGKILL);
    close(fds[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    text[n] = 0;
    if (!in_time) set_result(r, FAIL, "over the time limit of %g s", seconds);
    else if (WIFSIGNALED(status)) set_result(r, FAIL, "crashed with signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status)) set_result(r, FAIL, "ended with exit code %d", WEXITSTATUS(status));
    else if (n && (text[0] == PASS || text[0] == FAIL || text[0] == UNSUPPORTED)) set_result(r, (outcome)text[0], "%s", text + 1);
    else set_result(r, FAIL, "ended without a result");
    for (char *p = r->reason; *p; p++)
        if ((unsigned char)*p < ' ') *p = ' ';
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static int run_all(const test_list *tests, const cli_target *target, double seconds, bool quiet, bool json) {
    size_t n_pass = 0, n_fail = 0, n_skip = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < tests->count; i++) {
        const onnx_test *t = &tests->items[i];
        cli_progress("[%zu/%zu] %s", i + 1, tests->count, t->name);
        result r;
        uint64_t start = cli_now_ns();
        run_in_child(t->path, target, seconds, &r);
        double took = (double)(cli_now_ns() - start) * 1e-9;
        *(r.outcome == PASS ? &n_pass : r.outcome == FAIL ? &n_fail : &n_skip) += 1;
        if (json) {
            json_array_append_new(list, json_pack("{ss ss ss sf}", "outcome", outcome_name(r.outcome), "name", t->name,
                                                  "reason", r.reason, "seconds", took));
        } else if (!quiet || r.outcome == FAIL) {
            cli_progress_end();
            printf("%s %s%s%s\n", outcome_name(r.outcome), t->name, *r.reason ? ": " : "", r.reason);
            fflush(stdout);
        }
    }
    cli_progress_end();
    if (json) {
        cli_print_json(json_pack("{so sI sI sI}", "tests", list, "passed", (json_int_t)n_pass, "failed", (json_int_t)n_fail,
                                 "skipped", (json_int_t)n_skip));
    } else {
        json_decref(list);
        printf("%zu passed, %zu failed, %zu skipped\n", n_pass, n_fail, n_skip);
    }
    return n_fail ? CLI_FAILED : CLI_OK;
}

int cli_cmd_test_onnx(const cli_verb *verb, int argc, char **argv) {
    cli_target target = {0};
    test_list tests = {0};
    bool quiet = false, json = false;
    double seconds = 120;
    const cli_option options[] = {
        CLI_TARGET_OPTIONS(&target),
        {"filter", CLI_TEXT, &tests.filter, "SUBSTRING", "only tests whose name holds this"},
        {"timeout", CLI_REAL, &seconds, "SECONDS", "time limit of one test (120)"},
        {"quiet", CLI_FLAG, &quiet, NULL, "print failures and the last line only"},
        {"json", CLI_FLAG, &json, NULL, "print JSON"},
        {0}};
    cli_texts folders = {0};
    int code = cli_parse(verb, options, argc, argv, &folders);
    if (code < 0 && !folders.count) code = cli_usage("test-onnx wants at least one folder");
    if (code < 0) code = find_all(&tests, &folders);
    if (code < 0 && !tests.count)
        code = cli_fail("no test found: wanted folders with model.onnx and test_data_set_*%s%s",
                        tests.filter ? " whose name holds " : "", tests.filter ? tests.filter : "");
    if (code < 0) code = run_all(&tests, &target, seconds, quiet, json);
    for (size_t i = 0; i < tests.count; i++) {
        free(tests.items[i].path);
        free(tests.items[i].name);
    }
    free(tests.items);
    cli_target_free(&target);
    cli_texts_free(&folders);
    return code;
}
