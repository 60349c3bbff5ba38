/* Which nodes go together.
 *
 * Levels. Along a topological order a node gets the level max over its producers p of level(p), plus one where the edge must not
 * lie inside a cluster (p stays, another placement or predicate, a static value). No path leaves a level and comes back to it
 * through a node that stays, so connected nodes of one level, placement and predicate form a cluster without cycles.
 *
 * Joins. Levels split too much: what could run early is kept from its readers. So clusters that share an edge, or read the same
 * node, are joined wherever that makes no cycle. Clusters and staying nodes are items in a list that is a topological order at
 * all times:
 *
 *   ... a . f1 . . f2 b ...      a and b may be joined iff no path a -> .. -> b goes over another item. What a reaches between
 *   ... . . . ab f1 f2 ...       the two (f1, f2) is searched; if none of it has an edge to b, it moves behind b, and a joins b.
 *                                Or the same backwards: what reaches b moves before a.
 *
 * A join saves the call and the ports between the two, and never costs any. A search ends after SEARCH edges (then nothing is
 * joined), all searches together after WORK edges for each edge and item of the graph; that bounds the time.
 *
 * Moves. Last, single nodes go to another cluster where that saves ports; those with more than READERS readers or edges stay. */
#include "bridge/clusters.h"

enum { SEARCH = 256, WORK = 48, ROUNDS = 3, CANDIDATES = 8, READERS = 32, STATIC_BIT = 1u << 31, NONE = UINT32_MAX };

typedef struct item {
    uint64_t label;      /* grows along the list */
    uint32_t prev, next; /* in the list */
    uint32_t parent;     /* of a joined item */
    uint32_t member, last; /* further items joined into this one; the last of that chain */
    uint32_t stamp;      /* of the search that saw it */
    uint32_t node;       /* one of its nodes */
    uint32_t out, in;    /* begin of its edges in outs and ins; they end where the next item's begin */
} item;

typedef struct joiner {
    tn__fnode *nodes;
    item *items; /* n, one that ends the edges, head and tail of the list */
    uint32_t n, stamp, n_found;
    uint32_t *outs, *ins; /* items at the other ends, STATIC_BIT set where the edge must not lie inside a cluster */
    uint64_t work;        /* edges that may still be looked at */
    uint32_t found[SEARCH + 1];
} joiner;

/* ---- levels -------------------------------------------------------------------------------------------------- */

static void assign_levels(tn__fnode *v, uint32_t n, const uint32_t *order) {
    for (uint32_t at = 0; at < n; at++) {
        tn__fnode *x = &v[order[at]];
        x->parent = order[at];
        for (uint32_t k = 0; k < x->n_edges; k++) {
            const tn__fnode *from = &v[x->edges[k].node];
            bool joins = x->edges[k].kind != TN_EDGE_STATIC && tn__fnode_same_place(from, x);
            uint32_t level = from->level + (x->marked && !joins);
            if (!from->constant && level > x->level) x->level = level;
        }
        for (uint32_t k = 0; k < x->n_edges; k++) {
            const tn__fnode *from = &v[x->edges[k].node];
            if (!from->constant && from->level == x->level && x->edges[k].kind != TN_EDGE_STATIC && tn__fnode_same_place(from, x))
                v[tn__fnode_root(v, x->edges[k].node)].parent = tn__fnode_root(v, order[at]);
        }
    }
}

/* ---- items --------------------------------------------------------------------------------------------------- */

static uint32_t find(const joiner *j, uint32_t i) {
    item *items = j->items;
    while (items[i].parent != i) i = items[i].parent = items[items[i].parent].parent;
    return i;
}

/* Constants are items too, but are never joined. */
static bool is_cluster(const joiner *j, uint32_t i) {
    const tn__fnode *x = &j->nodes[j->items[i].node];
    return x->marked && !x->constant;
}

/* Makes the items and their edges. */
static tn_error *make_items(joiner *j, tn__arena *arena, uint32_t n, const uint32_t *order, uint32_t *item_of) {
    tn__fnode *v = j->nodes;
    uint64_t n_edges = 0;
    for (uint32_t i = 0; i < n; i++) item_of[i] = NONE;
    for (uint32_t at = 0; at < n; at++) {
        uint32_t i = order[at], root = tn__fnode_root(v, i);
        if (item_of[root] == NONE) item_of[root] = j->n++;
        item_of[i] = item_of[root];
        n_edges += v[i].n_edges;
    }
    j->items = TN__ARENA_ARRAY(arena, item, (size_t)j->n + 3);
    j->outs = TN__ARENA_ARRAY(arena, uint32_t, n_edges + 1);
    j->ins = TN__ARENA_ARRAY(arena, uint32_t, n_edges + 1);
    if (!j->items || !j->outs || !j->ins) return tn__error_oom();
    item *x = j->items;
    for (uint32_t pass = 0; pass < 2; pass++) { /* counts, then fills */
        for (uint32_t i = 0; i < n; i++) {
            uint32_t to = item_of[i];
            x[to].node = i;
            for (uint32_t k = 0; k < v[i].n_edges; k++) {
                const tn_edge *e = &v[i].edges[k];
                uint32_t from = item_of[e->node], bit = e->kind == TN_EDGE_STATIC ? STATIC_BIT : 0;
                if (from == to) continue;
                if (pass) {
                    j->outs[x[from].out++] = to | bit;
                    j->ins[x[to].in++] = from | bit;
                } else
                    x[from].out++, x[to].in++;
            }
        }
        uint32_t out = 0, in = 0;
        for (uint32_t i = 0; i <= j->n; i++) { /* begins from counts; after filling every begin is the next one's */
            uint32_t n_out = x[i].out, n_in = x[i].in;
            x[i].out = out, x[i].in = in;
            if (pass) out = n_out, in = n_in;
            else out += n_out, in += n_in;
        }
    }
    return NULL;
}

/* The first order of the list. */
static tn_error *sort_items(joiner *j, tn__arena *arena, const tn_allocator *a, uint32_t *order) {
    uint32_t *waits = TN__ARENA_ARRAY(arena, uint32_t, (size_t)j->n + 1), n = 0;
    if (!waits) return tn__error_oom();
    item *x = j->items;
    for (uint32_t i = 0; i < j->n; i++)
        if (!(waits[i] = x[i + 1].in - x[i].in)) order[n++] = i;
    for (uint32_t at = 0; at < n; at++)
        for (uint32_t e = x[order[at]].out; e < x[order[at] + 1].out; e++)
            if (!--waits[j->outs[e] & ~STATIC_BIT]) order[n++] = j->outs[e] & ~STATIC_BIT;
    if (n != j->n) return TN__FAIL(a, INTERNAL, "partition: the levels made a cycle");
    uint64_t gap = UINT64_MAX / ((uint64_t)n + 2);
    uint32_t head = j->n + 1, tail = j->n + 2, before = head;
    for (uint32_t at = 0; at <= n; at++) {
        uint32_t i = at < n ? order[at] : tail;
        x[i].label = gap * (at + 1);
        x[i].prev = before;
        x[before].next = i;
        x[i].parent = x[i].last = i;
        x[i].member = NONE;
        before = i;
    }
    x[head].label = 0;
    return NULL;
}

/* ---- joining ------------------------------------------------------------------------------------------------- */

typedef enum reach { REACH_FREE, REACH_BARRED, REACH_FAR } reach;

/* Collects in j->found what `a` reaches between itself and `b` (forward), or what reaches b (backward: a and b change roles). */
static reach search(joiner *j, uint32_t a, uint32_t b, bool forward) {
    item *x = j->items;
    const uint32_t *ends = forward ? j->outs : j->ins;
    uint32_t steps = 0, done = 0, at = a;
    j->n_found = 0;
    j->stamp++;
    for (;;) {
        for (uint32_t part = at; part != NONE; part = x[part].member) {
            uint32_t e = forward ? x[part].out : x[part].in, last = forward ? x[part + 1].out : x[part + 1].in;
            for (; e < last; e++) {
                if (++steps > SEARCH || !j->work) return REACH_FAR;
                j->work--;
                uint32_t to = find(j, ends[e] & ~STATIC_BIT);
                if (to == b && (at != a || ends[e] & STATIC_BIT)) return REACH_BARRED;
                if (to == b || to == at || x[to].stamp == j->stamp) continue;
                if (forward ? x[to].label > x[b].label : x[to].label < x[b].label) continue;
                x[to].stamp = j->stamp;
                j->found[j->n_found++] = to;
            }
        }
        if (done == j->n_found) return REACH_FREE;
        at = j->found[done++];
    }
}

static void unlink_item(item *x, uint32_t i) {
    x[x[i].prev].next = x[i].next;
    x[x[i].next].prev = x[i].prev;
}

/* Moves what was found to between `left` and `right`, in its order. False: no labels are left there. */
static bool move_found(joiner *j, uint32_t left, uint32_t right) {
    item *x = j->items;
    uint64_t step = (x[right].label - x[left].label) / (j->n_found + 1);
    if (!step) return false;
    for (uint32_t gap = j->n_found / 2 + 1; gap; gap = gap > 1 ? gap / 2 : 0) /* shell sort by label */
        for (uint32_t i = gap; i < j->n_found; i++)
            for (uint32_t k = i; k >= gap && x[j->found[k - gap]].label > x[j->found[k]].label; k -= gap) {
                uint32_t t = j->found[k];
                j->found[k] = j->found[k - gap];
                j->found[k - gap] = t;
            }
    uint64_t label = x[left].label;
    for (uint32_t k = 0; k < j->n_found; k++) {
        uint32_t i = j->found[k];
        unlink_item(x, i);
        x[i].label = label += step;
        x[i].prev = left;
        x[i].next = right;
        x[left].next = x[right].prev = i;
        left = i;
    }
    return true;
}

/* Joins the clusters of items a and b if they may be. */
static bool join(joiner *j, uint32_t a, uint32_t b) {
    item *x = j->items;
    a = find(j, a), b = find(j, b);
    if (a == b || !is_cluster(j, a) || !is_cluster(j, b)) return false;
    if (!tn__fnode_same_place(&j->nodes[x[a].node], &j->nodes[x[b].node])) return false;
    if (x[a].label > x[b].label) {
        uint32_t t = a;
        a = b, b = t;
    }
    uint32_t into = b, from = a;
    reach r = search(j, a, b, true);
    if (r == REACH_BARRED) return false;
    if (r == REACH_FREE) {
        if (!move_found(j, b, x[b].next)) return false;
    } else {
        if (search(j, b, a, false) != REACH_FREE || !move_found(j, x[a].prev, a)) return false;
        into = a, from = b;
    }
    unlink_item(x, from);
    x[from].parent = into;
    x[x[into].last].member = from;
    x[into].last = x[from].last;
    return true;
}

/* Producer and reader; who has more edges between them first. `b` reads. */
static bool join_producers(joiner *j, uint32_t b) {
    uint32_t who[CANDIDATES], count[CANDIDATES], n = 0;
    bool any = false;
    for (uint32_t e = j->items[b].in; e < j->items[b + 1].in; e++) {
        uint32_t a = find(j, j->ins[e] & ~STATIC_BIT), k = 0;
        if (!is_cluster(j, a)) continue;
        while (k < n && who[k] != a) k++;
        if (k < n) count[k]++;
        else if (n < CANDIDATES) who[n] = a, count[n++] = 1;
        else any |= join(j, a, b);
    }
    for (uint32_t left = n; left; left--) {
        uint32_t most = 0;
        for (uint32_t k = 1; k < n; k++)
            if (count[k] > count[most]) most = k;
        count[most] = 0;
        any |= join(j, who[most], b);
    }
    return any;
}

/* Readers of one item; each with the last few before it. */
static bool join_readers(joiner *j, uint32_t a) {
    uint32_t who[CANDIDATES], n = 0;
    bool any = false;
    for (uint32_t e = j->items[a].out; e < j->items[a + 1].out; e++) {
        uint32_t b = j->outs[e] & ~STATIC_BIT;
        if (!is_cluster(j, b)) continue;
        bool joined = false;
        for (uint32_t k = 0; k < n && k < CANDIDATES; k++) {
            uint32_t other = who[(n - 1 - k) % CANDIDATES];
            if (find(j, other) == find(j, b)) joined = true;
            else if (join(j, other, b)) joined = any = true;
        }
        if (!joined) who[n++ % CANDIDATES] = b;
    }
    return any;
}

/* ---- single nodes -------------------------------------------------------------------------------------------- */

/* A node whose readers are all of one other cluster may go there, one whose producers are, too: neither makes a cycle, for what is
 * between the two clusters was between them before. It goes where that saves ports. */
typedef struct mover {
    tn__fnode *nodes;
    const joiner *joiner;
    uint32_t *home;            /* item per node */
    uint32_t *first, *readers; /* of node i: readers[first[i]] to readers[first[i + 1] - 1], one for each edge */
} mover;

/* Who reads a value, seen from two clusters. */
typedef struct audience {
    uint32_t in_a, in_b;
    bool elsewhere, is_free; /* free: a constant that goes into the only cluster that reads it */
} audience;

static bool is_joinable_constant(const tn__fnode *x) { return x->constant && x->marked && !x->fetched; }

/* False: too many readers to look at. `output` n_outputs: the order of the node. */
static bool look(const mover *m, uint32_t producer, uint32_t output, uint32_t a, uint32_t b, audience *out) {
    const tn__fnode *p = &m->nodes[producer];
    *out = (audience){.elsewhere = p->fetched && output < p->n_outputs, .is_free = is_joinable_constant(p)};
    if (m->first[producer + 1] - m->first[producer] > READERS) return false;
    for (uint32_t r = m->first[producer]; r < m->first[producer + 1]; r++) {
        uint32_t reader = m->readers[r];
        if (r > m->first[producer] && m->readers[r - 1] == reader) continue; /* the next loop has all its edges */
        if (m->nodes[reader].n_edges > READERS) return false;
        for (uint32_t k = 0; k < m->nodes[reader].n_edges; k++) {
            const tn_edge *e = &m->nodes[reader].edges[k];
            if (e->node != producer || (e->kind == TN_EDGE_CONTROL ? p->n_outputs : e->output) != output) continue;
            out->in_a += m->home[reader] == a;
            out->in_b += m->home[reader] == b;
            out->elsewhere |= m->home[reader] != a && m->home[reader] != b;
        }
    }
    return true;
}

/* Ports of clusters a and b for a value, and the producer's if that is a cluster. `home`: the producer's. */
static int ports_of(const audience *x, uint32_t home, bool is_cluster, uint32_t a, uint32_t b) {
    if (x->is_free && !x->elsewhere && !(x->in_a && x->in_b)) return 0;
    bool to_a = x->in_a && home != a, to_b = x->in_b && home != b;
    return to_a + to_b + (is_cluster && (x->elsewhere || to_a || to_b));
}

/* What moving node i from cluster a to b changes; INT32_MAX where that is not looked at. */
static int port_change(const mover *m, uint32_t i, uint32_t a, uint32_t b) {
    const tn__fnode *x = &m->nodes[i];
    audience who;
    int change = 0;
    if (x->n_edges > CANDIDATES || x->n_outputs > CANDIDATES) return INT32_MAX;
    for (uint32_t k = 0; k <= x->n_outputs; k++) {
        if (!look(m, i, k, a, b, &who)) return INT32_MAX;
        change += ports_of(&who, b, true, a, b) - ports_of(&who, a, true, a, b);
    }
    for (uint32_t k = 0; k < x->n_edges; k++) {
        const tn_edge *e = &x->edges[k];
        const tn__fnode *p = &m->nodes[e->node];
        uint32_t output = e->kind == TN_EDGE_CONTROL ? p->n_outputs : e->output, times = 0;
        bool before = false;
        for (uint32_t l = 0; l < x->n_edges; l++) {
            const tn_edge *f = &x->edges[l];
            bool same = f->node == e->node && (f->kind == TN_EDGE_CONTROL ? p->n_outputs : f->output) == output;
            times += same;
            before |= same && l < k;
        }
        if (before) continue;
        if (!look(m, e->node, output, a, b, &who)) return INT32_MAX;
        uint32_t home = m->home[e->node];
        bool cluster = is_cluster(m->joiner, home);
        change -= ports_of(&who, home, cluster, a, b);
        who.in_a -= times, who.in_b += times;
        change += ports_of(&who, home, cluster, a, b);
    }
    return change;
}

/* The one cluster, not i's own, that has all readers or all producers; NONE. A static edge between bars it. */
static uint32_t other_side(const mover *m, uint32_t i, bool readers) {
    const tn__fnode *x = &m->nodes[i];
    uint32_t found = NONE, n = readers ? m->first[i + 1] - m->first[i] : x->n_edges;
    if (n > READERS) return NONE;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t other = readers ? m->readers[m->first[i] + k] : x->edges[k].node;
        if (!readers && m->nodes[other].constant) continue;
        if (found == NONE) found = m->home[other];
        if (m->home[other] != found) return NONE;
        const tn__fnode *reader = readers ? &m->nodes[other] : x;
        if (reader->n_edges > READERS) return NONE;
        for (uint32_t l = 0; l < reader->n_edges; l++)
            if (reader->edges[l].kind == TN_EDGE_STATIC && reader->edges[l].node == (readers ? i : other)) return NONE;
    }
    if (found == NONE || found == m->home[i] || !is_cluster(m->joiner, found)) return NONE;
    return tn__fnode_same_place(x, &m->nodes[m->joiner->items[found].node]) ? found : NONE;
}

static bool move_node(mover *m, uint32_t i, bool readers) {
    const tn__fnode *x = &m->nodes[i];
    if (!x->marked || x->constant) return false;
    uint32_t to = other_side(m, i, readers);
    if (to == NONE || port_change(m, i, m->home[i], to) >= 0) return false;
    m->home[i] = to;
    return true;
}

static tn_error *move_nodes(mover *m, tn__arena *arena, uint32_t n, const uint32_t *order) {
    uint64_t n_edges = 0;
    for (uint32_t i = 0; i < n; i++) n_edges += m->nodes[i].n_edges;
    m->first = TN__ARENA_ARRAY(arena, uint32_t, (size_t)n + 2);
    m->readers = TN__ARENA_ARRAY(arena, uint32_t, n_edges + 1);
    if (!m->first || !m->readers) return tn__error_oom();
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < m->nodes[i].n_edges; k++) m->first[m->nodes[i].edges[k].node + 2]++;
    for (uint32_t i = 2; i <= n; i++) m->first[i] += m->first[i - 1];
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < m->nodes[i].n_edges; k++) m->readers[m->first[m->nodes[i].edges[k].node + 1]++] = i;
    bool any = true;
    for (int round = 0; any && round < ROUNDS; round++) {
        any = false;
        for (uint32_t at = n; at-- > 0;) any |= move_node(m, order[at], true);
        for (uint32_t at = 0; at < n; at++) any |= move_node(m, order[at], false);
    }
    return NULL;
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

static tn_error *join_clusters(joiner *j, tn__arena *arena, const tn_allocator *a, uint32_t n, const uint32_t *order) {
    uint32_t *home = TN__ARENA_ARRAY(arena, uint32_t, (size_t)n + 1), *list = NULL;
    if (!home) return tn__error_oom();
    TN__TRY(make_items(j, arena, n, order, home));
    if (!(list = TN__ARENA_ARRAY(arena, uint32_t, (size_t)j->n + 1))) return tn__error_oom();
    TN__TRY(sort_items(j, arena, a, list));
    j->work = WORK * ((uint64_t)j->items[j->n].in + n);
    bool any = true;
    for (int round = 0; any && round < ROUNDS; round++) {
        any = false;
        for (uint32_t at = 0; at < j->n; at++)
            if (is_cluster(j, list[at])) any |= join_producers(j, list[at]);
        for (uint32_t at = 0; at < j->n; at++) any |= join_readers(j, list[at]);
    }
    for (uint32_t i = 0; i < n; i++) home[i] = find(j, home[i]);
    mover m = {.nodes = j->nodes, .joiner = j, .home = home};
    TN__TRY(move_nodes(&m, arena, n, order));
    item *x = j->items;
    uint64_t place = 0;
    for (uint32_t i = x[j->n + 1].next; i != j->n + 2; i = x[i].next) x[i].label = place++;
    for (uint32_t i = 0; i < j->n; i++) x[i].stamp = NONE; /* from here on: the first node of a cluster */
    for (uint32_t i = 0; i < n; i++) {
        j->nodes[i].level = (uint32_t)x[home[i]].label;
        if (!j->nodes[i].marked || j->nodes[i].constant) continue;
        if (x[home[i]].stamp == NONE) x[home[i]].stamp = i;
        j->nodes[i].parent = x[home[i]].stamp;
    }
    return NULL;
}

tn_error *tn__clusters_assign(const tn_allocator *a, tn__fnode *nodes, uint32_t n, const uint32_t *order) {
    tn__arena arena;
    tn__arena_init(&arena, a);
    assign_levels(nodes, n, order);
    joiner *j = TN__ARENA_NEW(&arena, joiner);
    if (j) j->nodes = nodes;
    tn_error *e = !j ? tn__error_oom()
                  : n >= STATIC_BIT - 4 ? TN__FAIL(a, LIMIT_EXCEEDED, "partition: more than 2^31 nodes")
                                        : join_clusters(j, &arena, a, n, order);
    tn__arena_deinit(&arena);
    return e;
}
