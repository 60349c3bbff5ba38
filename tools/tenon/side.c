#include "side.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/context.h"

extern char **environ;

enum { BATCH_MOST = 1 << 20 };
static const double batch_seconds = 100e-6; /* a sample takes at least this long: calls are batched */

static tn_error *begin(void *self) {
    side *s = self;
    if (s->is_command) return NULL;
    s->out = cli_alloc((s->n_out + 1) * sizeof *s->out);
    return tn_compile(s->graph, s->options, &s->executable);
}

static void end(void *self) {
    side *s = self;
    if (s->is_command) return;
    tn_executable_release(s->executable);
    s->executable = NULL;
    cli_tensors_release(s->out, s->n_out);
    s->out = NULL;
}

static tn_error *call_model(side *s, double *seconds) {
    uint64_t start = cli_now_ns();
    for (int64_t i = 0; i < s->batch; i++) {
        tn_error *e = tn_executable_run(s->executable, s->in, s->n_in, s->out, s->n_out);
        if (e) return e;
    }
    uint64_t until = s->planted > 0 ? cli_now_ns() + (uint64_t)(s->planted * (double)(cli_now_ns() - start)) : 0;
    while (cli_now_ns() < until) {}
    *seconds = (double)(cli_now_ns() - start) * 1e-9 / (double)s->batch;
    return NULL;
}

static tn_error *call_command(const side *s, double *seconds) {
    char *argv[] = {"sh", "-c", (char *)s->name, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = 0;
    if (posix_spawn_file_actions_init(&files)) return TN__FAIL(NULL, OUT_OF_MEMORY, "no memory to start '%s'", s->name);
    int failed = posix_spawn_file_actions_addopen(&files, 1, "/dev/null", 1 /* O_WRONLY */, 0);
    uint64_t start = cli_now_ns();
    if (!failed) failed = posix_spawnp(&pid, "sh", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed) return TN__FAIL(NULL, IO, "cannot start '%s': %s", s->name, strerror(failed));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    *seconds = (double)(cli_now_ns() - start) * 1e-9;
    if (WIFSIGNALED(status)) return TN__FAIL(NULL, IO, "'%s' ended by signal %d", s->name, WTERMSIG(status));
    return WEXITSTATUS(status) ? TN__FAIL(NULL, IO, "'%s' ended with exit code %d", s->name, WEXITSTATUS(status)) : NULL;
}

static tn_error *call(void *self, double *seconds) {
    side *s = self;
    if (s->is_command) return call_command(s, seconds);
    if (s->batch) return call_model(s, seconds);
    s->batch = 1;
    TN__TRY(call_model(s, seconds)); /* touches memory and code for the first time: says nothing of the next */
    for (;; s->batch *= 2) { /* how many calls make a sample */
        TN__TRY(call_model(s, seconds));
        if (*seconds * (double)s->batch >= batch_seconds || s->batch >= BATCH_MOST) return NULL;
    }
}

void side_free(side *s) {
    cli_tensors_release(s->in, s->n_in);
    if (s->graph) tn_graph_release(s->graph);
    if (s->options) tn_options_release(s->options);
}

tn_error *side_open(side *s, tn_context *context, const char *name, const cli_target *target, const cli_inputs *spec, const cli_texts *own) {
    *s = (side){.name = name, .context = context};
    if (!strncmp(name, "cmd:", 4)) {
        s->is_command = true;
        s->name += 4;
        return own->count ? TN__FAIL(NULL, INVALID_ARGUMENT, "'%s' is a command: options of the library do not reach it", name) : NULL;
    }
    cli_inputs inputs = *spec;
    inputs.model_path = name;
    TN__TRY(cli_options_create(context, target, &s->options));
    for (size_t i = 0; i < own->count; i++) {
        char *key = cli_printf("%s", own->items[i]), *value = strchr(key, '=');
        if (value) *value++ = 0;
        tn_error *e = tn_options_set(s->options, key, value ? value : "");
        free(key);
        if (e) return e;
    }
    TN__TRY(cli_graph_load(context, name, &s->graph));
    s->n_in = tn_graph_get_input_count(s->graph);
    s->n_out = tn_graph_get_output_count(s->graph);
    return cli_inputs_make(context, s->graph, &inputs, &s->in);
}

tn_error *side_compare(side *a, side *b, const tn__compare_settings *run, tn__comparison *out) {
    const tn__compare_side sides[2] = {{a, begin, call, end}, {b, begin, call, end}};
    return tn__compare(&tn__allocator_malloc, run, &sides[0], &sides[1], out);
}
