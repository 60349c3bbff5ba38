#include "device/cpu/search_plan.h"

#include <stdlib.h>

enum { CHOICES_MOST = 96 };

void tn__plan_init(tn__search_plan *p, const tn_allocator *a, tn__arena *arena) { *p = (tn__search_plan){.a = a, .arena = arena}; }

void tn__plan_deinit(tn__search_plan *p) { TN__VEC_FREE(p->a, &p->subjects); }

/* ---- subjects ------------------------------------------------------------------------------------------------ */

int32_t tn__plan_find(const tn__search_plan *p, const char *signature) {
    for (size_t i = 0; i < p->subjects.count; i++)
        if (!strcmp(p->subjects.data[i].signature, signature)) return (int32_t)i;
    return -1;
}

tn_error *tn__plan_add(tn__search_plan *p, const tn__kprogram *program, const tn__tuning *table) {
    for (size_t i = 0; i < program->sites.count; i++) {
        const tn__site *x = &program->sites.data[i];
        if (tn__tuning_find(table, x->signature) || tn__plan_find(p, x->signature) >= 0) continue;
        tn__subject y = {.signature = tn__arena_strdup(p->arena, x->signature), .space = x->space, .ratio = 1};
        if (!y.signature || !TN__PUSH(p->a, &p->subjects, y)) return tn__error_oom();
    }
    return NULL;
}

int32_t tn__subject_next(const tn__subject *x) {
    for (uint32_t i = 0; i < x->n_choices; i++)
        if (!x->done[i]) return (int32_t)i;
    return -1;
}

void tn__subject_done(tn__subject *x, int32_t choice) {
    x->n_done += !x->done[choice];
    x->done[choice] = true;
}

/* ---- launches ------------------------------------------------------------------------------------------------ */

static size_t words(const tn__search_plan *p) { return p->n_launches / 64 + 1; }

static uint32_t root_of(uint32_t *parent, uint32_t x) {
    while (parent[x] != x) x = parent[x] = parent[parent[x]];
    return x;
}

/* Nodes that share a step are of one launch: a product and the step that packs its right side are. */
static tn_error *find_launches(tn__search_plan *p, const tn__kprogram *program) {
    p->n_nodes = program->graph->nodes.count;
    uint32_t *parent = TN__ARENA_ARRAY(p->arena, uint32_t, p->n_nodes + 1);
    p->launch_of_node = TN__ARENA_ARRAY(p->arena, int32_t, p->n_nodes + 1);
    if (!parent || !p->launch_of_node) return tn__error_oom();
    for (size_t i = 0; i < p->n_nodes; i++) parent[i] = (uint32_t)i, p->launch_of_node[i] = TN__NO_LAUNCH;
    for (size_t i = 0; i < program->steps.count; i++) {
        const tn__step *step = &program->steps.data[i];
        uint32_t first = TN__NO_NODE;
        for (uint32_t k = 0; k < step->n_stages; k++) {
            uint32_t node = step->stages[k].node;
            if (node == TN__NO_NODE) continue;
            if (first == TN__NO_NODE) first = node;
            else parent[root_of(parent, node)] = root_of(parent, first);
        }
        if (first != TN__NO_NODE) p->launch_of_node[first] = 0; /* its class has a step */
    }
    uint32_t *number = TN__ARENA_ARRAY(p->arena, uint32_t, p->n_nodes + 1);
    if (!number) return tn__error_oom();
    memset(number, 0, p->n_nodes * sizeof *number);
    for (size_t i = 0; i < p->n_nodes; i++) {
        uint32_t *n = &number[root_of(parent, (uint32_t)i)];
        if (p->launch_of_node[i] == 0 && !*n) *n = (uint32_t)++p->n_launches;
    }
    for (size_t i = 0; i < p->n_nodes; i++) p->launch_of_node[i] = (int32_t)number[root_of(parent, (uint32_t)i)] - 1;
    return NULL;
}

tn_error *tn__plan_launches(tn__search_plan *p, const tn__kprogram *program) {
    TN__TRY(find_launches(p, program));
    for (size_t i = 0; i < p->subjects.count; i++) {
        uint64_t *set = TN__ARENA_ARRAY(p->arena, uint64_t, words(p));
        if (!set) return tn__error_oom();
        memset(set, 0, words(p) * sizeof *set);
        p->subjects.data[i].launches = set;
    }
    for (size_t i = 0; i < program->sites.count; i++) {
        const tn__site *x = &program->sites.data[i];
        int32_t at = tn__plan_find(p, x->signature), launch = p->launch_of_node[x->root];
        if (at >= 0 && launch != TN__NO_LAUNCH) p->subjects.data[at].launches[launch / 64] |= (uint64_t)1 << launch % 64;
    }
    return NULL;
}

int32_t tn__plan_launch_of(const tn__search_plan *p, const tn__step *step) {
    for (uint32_t i = 0; i < step->n_stages; i++) {
        uint32_t node = step->stages[i].node;
        if (node != TN__NO_NODE && node < p->n_nodes && p->launch_of_node[node] != TN__NO_LAUNCH) return p->launch_of_node[node];
    }
    return TN__NO_LAUNCH;
}

uint64_t tn__plan_sum(const tn__search_plan *p, const tn__subject *x, const uint64_t *ns) {
    uint64_t sum = 0;
    for (size_t i = 0; x->launches && i < p->n_launches; i++)
        if (x->launches[i / 64] >> i % 64 & 1) sum += ns[i];
    return sum;
}

bool tn__plan_share(const tn__search_plan *p, const tn__subject *x, const tn__subject *y) {
    for (size_t i = 0; x->launches && y->launches && i < words(p); i++)
        if (x->launches[i] & y->launches[i]) return true;
    return false;
}

/* ---- rounds -------------------------------------------------------------------------------------------------- */

struct tn__plan_turn {
    uint64_t ns;
    uint32_t tried, index;
};

tn_error *tn__plan_choices(tn__search_plan *p, const uint64_t *ns, double least_ns, bool several_threads) {
    tn__choice list[CHOICES_MOST];
    p->turns = TN__ARENA_ARRAY(p->arena, struct tn__plan_turn, p->subjects.count + 1);
    p->tried = TN__ARENA_ARRAY(p->arena, uint32_t, p->subjects.count + 1);
    if (!p->turns || !p->tried) return tn__error_oom();
    p->n_tried = p->subjects.count;
    for (size_t i = 0; i < p->subjects.count; i++) {
        tn__subject *x = &p->subjects.data[i];
        x->ns = tn__plan_sum(p, x, ns);
        if (!x->ns || (double)x->ns < least_ns) continue;
        uint32_t n = tn__space_choices(&x->space, several_threads, list, CHOICES_MOST);
        x->choices = TN__ARENA_ARRAY(p->arena, tn__choice, n + 1);
        x->done = TN__ARENA_ARRAY(p->arena, bool, n + 1);
        if (!x->choices || !x->done) return tn__error_oom();
        memcpy(x->choices, list, n * sizeof *list);
        memset(x->done, 0, n);
        x->n_choices = n;
    }
    return NULL;
}

static int by_turn(const void *x, const void *y) {
    const struct tn__plan_turn *a = x, *b = y;
    if (a->tried != b->tried) return a->tried < b->tried ? -1 : 1;
    if (a->ns != b->ns) return a->ns > b->ns ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* tried[]: how many choices of each subject are done. */
static uint32_t choose(const tn__search_plan *p, const uint32_t *tried, uint32_t *out) {
    uint32_t n = 0, taken = 0;
    for (size_t i = 0; i < p->n_tried; i++) {
        const tn__subject *x = &p->subjects.data[i];
        if (tried[i] < x->n_choices) p->turns[n++] = (struct tn__plan_turn){x->ns, tried[i], (uint32_t)i};
    }
    qsort(p->turns, n, sizeof *p->turns, by_turn);
    for (uint32_t i = 0; i < n; i++) {
        const tn__subject *x = &p->subjects.data[p->turns[i].index];
        bool free = true;
        for (uint32_t k = 0; free && k < taken; k++) free = !tn__plan_share(p, x, &p->subjects.data[out[k]]);
        if (free) out[taken++] = p->turns[i].index;
    }
    return taken;
}

uint32_t tn__plan_next(const tn__search_plan *p, uint32_t *out) {
    for (size_t i = 0; i < p->n_tried; i++) p->tried[i] = p->subjects.data[i].n_done;
    return choose(p, p->tried, out);
}

uint32_t tn__plan_rounds(const tn__search_plan *p, uint32_t *room) {
    uint32_t rounds = 0;
    for (size_t i = 0; i < p->n_tried; i++) p->tried[i] = p->subjects.data[i].n_done;
    for (uint32_t n; (n = choose(p, p->tried, room)) > 0; rounds++)
        for (uint32_t i = 0; i < n; i++) p->tried[room[i]]++;
    return rounds;
}

uint64_t tn__plan_tried(const tn__search_plan *p, uint64_t *out_of) {
    uint64_t n = 0;
    *out_of = 0;
    for (size_t i = 0; i < p->n_tried; i++) n += p->subjects.data[i].n_done, *out_of += p->subjects.data[i].n_choices;
    return n;
}
