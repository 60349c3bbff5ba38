/* Passes: each rebuilds a static graph.
 * requires: typed, static shapes   keeps: inputs, outputs, names, nodes with effects and their order   breaks: node numbers */
#ifndef TN_PASS_PASS_H
#define TN_PASS_PASS_H
#include "base/hook.h"
#include "base/log.h"
#include "ir/graph.h"

/* Each consumes nothing and leaves its result in `g`. */
#define TN_PASS(name, kind, help) TN__PASS_##kind(name)
#define TN__PASS_GRAPH(name) tn_error *tn_pass_##name(tn_graph *g);
#define TN__PASS_LOWER(name)
#include "pass/passes.def"
#undef TN__PASS_GRAPH
#undef TN__PASS_LOWER

/* Is `name` in the comma-separated list? NULL is the empty list. */
bool tn__pass_is_off(const char *disabled, const char *name);
/* An error naming the first entry of the list that is no pass. */
tn_error *tn__passes_check(const tn_allocator *a, const char *disabled);
/* Who hears of each pass. */
typedef struct tn__pass_watch {
    const tn_hook *hook;   /* or NULL */
    const tn__logger *log; /* or NULL */
    tn_error *(*after)(void *self, const char *pass, const tn_graph *g); /* or NULL */
    void *self;
} tn__pass_watch;
/* A private copy of `g` after the passes that are not disabled, up to and including `stop_after` (NULL: all); `watch` may be NULL. */
tn_error *tn__passes_run(const tn_graph *g, const char *disabled, const char *stop_after, const tn__pass_watch *watch, tn_graph **out);

/* ---- what passes are written with ---------------------------------------------------------------------------- */

/* Copying old contents into a new graph, node by node. */
typedef struct tn__rewriter {
    const tn_graph *from;
    tn_graph *to;
    tn_value *map; /* by old value id */
} tn__rewriter;
tn_error *tn__rewriter_begin(tn_graph *g, tn__rewriter *r); /* inputs are there already */
static inline tn_value tn__rewriter_in(const tn__rewriter *r, const tn__node *n, uint32_t k) {
    tn_value v = tn__in(r->from, n, k);
    return v.id ? r->map[v.id] : v;
}
/* Nodes made from now on stand for old node n: they get its sources; also: for new or old node m as well. A constant that is folded, and a
 * node that is replaced by a value that was there without it (x - 0 ==> x), pass on nothing. */
static inline void tn__rewriter_from(const tn__rewriter *r, const tn__node *n) { r->to->source = n->source; } /* one table for both graphs */
static inline void tn__rewriter_also(const tn__rewriter *r, const tn__node *m) {
    r->to->source = tn__graph_source_merge(r->to, r->to->source, m->source);
}
void tn__rewriter_copy(tn__rewriter *r, const tn__node *n);
/* Old result 0 of n is new value v from now on (its name goes along where v has none). */
void tn__rewriter_replace(tn__rewriter *r, const tn__node *n, tn_value v);
/* Appends the outputs and swaps the contents into g; frees the old ones. Also after errors, which it returns. */
tn_error *tn__rewriter_commit(tn__rewriter *r, tn_graph *g);
#endif
