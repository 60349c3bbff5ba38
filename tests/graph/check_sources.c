/* No source is lost without reason: every node of every test graph gets a source of its own, and after each pass, and in the launches of the
 * lowered program, it must still be there, or the pass is one that may leave such a node out, as `may_go` says.
 *
 * usage: check_sources FILE.tn... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/program.h"
#include "pass/pass.h"
#include "tenon/tenon.h"

static const char *const pass_names[] = {
#define TN_PASS(name, kind, help) TN__PASS_##kind(name)
#define TN__PASS_GRAPH(name) #name,
#define TN__PASS_LOWER(name)
#include "pass/passes.def"
#undef TN__PASS_GRAPH
#undef TN__PASS_LOWER
};
enum { N_PASSES = sizeof pass_names / sizeof *pass_names };

static tn_context *context;
static const char *file;
static int failures, graphs, nodes, gone;

static bool ok(tn_error *e, const char *what) {
    if (!e) return true;
    fprintf(stderr, "%s: %s: %s\n", file, what, tn_error_get_message(e));
    tn_error_destroy(e);
    failures++;
    return false;
}

static void *room(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory) abort();
    return memory;
}

/* Marks the nodes of the original graph that are among `set`: a source is the node's number. */
static void mark(const tn__source_set *set, bool *present) {
    for (uint32_t i = 0; i < set->n; i++) present[strtoul(set->texts[i], NULL, 10)] = true;
}

/* Of the nodes that an output needs, constants aside. */
static void mark_live(const tn_graph *g, bool *present) {
    bool *live = room(g->values.count);
    for (size_t i = 0; i < g->outputs.count; i++) live[g->outputs.data[i].value.id] = true;
    for (size_t i = g->nodes.count; i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        bool any = false;
        for (uint32_t k = 0; k < n->n_out; k++) any |= live[n->first_out + k];
        for (uint32_t k = 0; any && k < n->n_in; k++) live[tn__in(g, n, k).id] = true;
        if (any && n->op != TN_OP_constant) mark(tn__graph_sources(g, n->source), present);
    }
    free(live);
}

/* Depends on constants alone. */
static bool *constant_nodes(const tn_graph *g) {
    bool *constant = room(g->nodes.count);
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        constant[i] = true;
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value v = tn__in(g, n, k);
            const tn__node *by = tn__node_of(g, v);
            constant[i] &= !v.id || (by && constant[by - g->nodes.data]);
        }
    }
    return constant;
}

static bool has_constant_operand(const tn_graph *g, const tn__node *n) {
    for (uint32_t k = 0; k < n->n_in; k++)
        if (tn__in(g, n, k).id && tn__constant_of(g, tn__in(g, n, k))) return true;
    return false;
}

/* The nodes that a pass may prove unnecessary. */
static bool may_go(const tn_graph *g, const tn__node *n, const char *pass) {
    bool moves = tn__op_infos[n->op].flags & TN__OP_MOVE;
    if (!strcmp(pass, "clean")) return moves || n->op == TN_OP_identity || n->op == TN_OP_cast;
    if (!strcmp(pass, "sink_transpose")) return n->op == TN_OP_transpose;
    if (!strcmp(pass, "expand")) return n->op == TN_OP_dropout || moves || (n->op == TN_OP_mean && n->n_in == 1);
    if (!strcmp(pass, "lowering")) return !tn__type_elements(&g->values.data[n->first_out].type); /* nothing to compute */
    if (strcmp(pass, "algebra")) return false;
    switch (n->op) {
    case TN_OP_add: case TN_OP_sub: case TN_OP_mul: case TN_OP_div: return has_constant_operand(g, n);
    case TN_OP_neg: case TN_OP_not: case TN_OP_bitwise_not: case TN_OP_abs: case TN_OP_relu: case TN_OP_floor: case TN_OP_ceil: case TN_OP_round:
    case TN_OP_sign: case TN_OP_max: case TN_OP_min: case TN_OP_and: case TN_OP_or: case TN_OP_bitwise_and: case TN_OP_bitwise_or: case TN_OP_where:
    case TN_OP_cast: return true;
    default: return false;
    }
}

/* What is needed by nothing but nodes that went: a pass that drops those drops it too. */
static bool feeds_only_gone(const tn_graph *g, uint32_t index, const bool *present) {
    const tn__node *n = &g->nodes.data[index];
    for (size_t i = 0; i < g->nodes.count; i++)
        for (uint32_t k = 0; k < g->nodes.data[i].n_in; k++) {
            uint32_t v = tn__in(g, &g->nodes.data[i], k).id;
            if (v >= n->first_out && v < n->first_out + n->n_out && present[i]) return false;
        }
    for (size_t i = 0; i < g->outputs.count; i++) {
        uint32_t v = g->outputs.data[i].value.id;
        if (v >= n->first_out && v < n->first_out + n->n_out) return false;
    }
    return true;
}

static void compare(const tn_graph *g, const char *pass, const bool *constant, bool *before, const bool *after) {
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (before[i] && !after[i] && !constant[i]) {
            gone++;
            if (!may_go(g, n, pass) && !feeds_only_gone(g, i, after)) {
                fprintf(stderr, "%s: graph %d: %s loses the source of node %u (%s)\n", file, graphs, pass, (unsigned)i, tn__op_infos[n->op].name);
                failures++;
            }
        }
        before[i] = after[i];
    }
}

static void mark_program(const tn__kprogram *p, bool *present) {
    for (size_t i = 0; i < p->steps.count; i++) {
        const tn__step *s = &p->steps.data[i];
        const tn__source_set *all = tn__graph_sources(p->graph, s->source);
        mark(all, present);
        for (uint32_t k = 0; k < s->n_stages; k++) { /* those of the node that names a stage are among them */
            uint32_t node = s->stages[k].node;
            const tn__source_set *own = tn__graph_sources(p->graph, node == TN__NO_NODE ? 0 : p->graph->nodes.data[node].source);
            for (uint32_t a = 0; a < own->n; a++) {
                bool there = false;
                for (uint32_t b = 0; b < all->n; b++) there |= !strcmp(own->texts[a], all->texts[b]);
                if (!there) fprintf(stderr, "%s: graph %d: launch %zu lacks source %s\n", file, graphs, i, own->texts[a]), failures++;
            }
        }
    }
}

static bool lowerable(const tn_graph *g) {
    for (size_t i = 1; i < g->values.count; i++)
        if (!tn__type_is_static(&g->values.data[i].type) || g->values.data[i].type.dtype == TN_DTYPE_string) return false;
    for (size_t i = 0; i < g->nodes.count; i++)
        if (tn__op_infos[g->nodes.data[i].op].flags & (TN__OP_CONTROL | TN__OP_DATADEP)) return false;
    return g->nodes.count > 0;
}

static void check_graph(tn_graph *g) {
    if (!lowerable(g)) return;
    graphs++;
    bool *constant = constant_nodes(g), *before = room(g->nodes.count);
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", (unsigned)i);
        if (g->nodes.data[i].n_out) tn_graph_set_source(g, tn__out(&g->nodes.data[i], 0), text);
    }
    mark_live(g, before);
    for (size_t i = 0; i < g->nodes.count; i++) nodes += before[i];
    for (int pass = 0; pass < N_PASSES; pass++) {
        tn_graph *to;
        bool *after = room(g->nodes.count);
        if (ok(tn__passes_run(g, NULL, pass_names[pass], NULL, &to), pass_names[pass])) {
            mark_live(to, after);
            compare(g, pass_names[pass], constant, before, after);
            tn_graph_release(to);
        }
        free(after);
    }
    for (int32_t lanes = 8; lanes <= 16; lanes *= 2) {
        tn__lower_config config = {.lanes = lanes, .registers = lanes * 2, .layout = true, .fuse = true, .stages = true, .in_place = true};
        tn_graph *to;
        tn__kprogram *p;
        bool *after = room(g->nodes.count), *was = room(g->nodes.count);
        memcpy(was, before, g->nodes.count);
        if (ok(tn__passes_run(g, NULL, NULL, NULL, &to), "passes") && ok(tn__kprogram_create(context, to, &config, &p), "lowering")) {
            mark_program(p, after);
            compare(g, "lowering", constant, was, after);
            tn__kprogram_destroy(p);
        }
        free(after), free(was);
    }
    free(before);
    free(constant);
}

/* Graphs of the file: from a line that begins with `graph` to one that is `}`. */
static void check_file(const char *path) {
    enum { TEXT_MAX = 1 << 20, LINE = 1 << 16 };
    char *text = room(TEXT_MAX), *line = room(LINE);
    size_t n = 0;
    FILE *f = fopen(path, "r");
    file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    if (!f) fprintf(stderr, "cannot read %s\n", path), failures++;
    while (f && fgets(line, LINE, f)) {
        size_t bytes = strlen(line);
        if (!n && strncmp(line, "graph ", 6)) continue;
        if (n + bytes >= TEXT_MAX) abort();
        memcpy(text + n, line, bytes + 1);
        n += bytes;
        if (strcmp(line, "}\n") && strcmp(line, "}")) continue;
        tn_graph *g;
        if (ok(tn_graph_parse(context, text, &g), "parse")) {
            check_graph(g);
            tn_graph_release(g);
        }
        n = 0;
    }
    if (f) fclose(f);
    free(text), free(line);
}

int main(int argc, char **argv) {
    tn_error *e = tn_context_create(NULL, &context);
    if (e) return fprintf(stderr, "%s\n", tn_error_get_message(e)), 1;
    for (int i = 1; i < argc; i++) check_file(argv[i]);
    tn_context_release(context);
    printf("%d graphs, %d nodes, %d left out with reason, %d failures\n", graphs, nodes, gone, failures);
    return failures || !graphs;
}
