#include "kernel/tuning.h"

#include <stdlib.h>

#include "kernel/lower.h"

/* ---- choices ------------------------------------------------------------------------------------------------- */

static const char *const knob_names[TN__KNOBS] = {
#define TN_KNOB(name, help) #name,
#include "kernel/knobs.def"
};

bool tn__choice_equal(const tn__choice *a, const tn__choice *b) { return !memcmp(a, b, sizeof *a); }

bool tn__choice_is_rule(const tn__choice *c) { return tn__choice_equal(c, &(tn__choice){{0}}); }

void tn__choice_print(const tn__choice *c, tn__text *out) {
    const char *between = "";
    for (int i = 0; i < TN__KNOBS; i++) {
        if (!c->value[i]) continue;
        tn__text_addf(out, "%s%s=%d", between, knob_names[i], (int)c->value[i]);
        between = " ";
    }
    if (!*between) tn__text_add(out, "rule");
}

bool tn__choice_parse(const char *text, size_t bytes, tn__choice *out) {
    *out = (tn__choice){{0}};
    if (bytes == 4 && !memcmp(text, "rule", 4)) return true;
    for (const char *at = text, *end = text + bytes; at < end;) {
        int knob = 0;
        size_t n = 0;
        for (; knob < TN__KNOBS; knob++) {
            n = strlen(knob_names[knob]);
            if ((size_t)(end - at) > n && !memcmp(at, knob_names[knob], n) && at[n] == '=') break;
        }
        if (knob == TN__KNOBS || out->value[knob]) return false;
        at += n + 1;
        int32_t sign = at < end && *at == '-' ? -1 : 1, x = 0;
        if (sign < 0) at++;
        const char *digits = at;
        for (; at < end && *at >= '0' && *at <= '9'; at++) {
            x = x * 10 + (*at - '0');
            if (x > 9999) return false;
        }
        if (at == digits || !x) return false;
        out->value[knob] = sign * x;
        if (at < end && *at++ != ' ') return false;
        if (at == end && at[-1] == ' ') return false;
    }
    return bytes > 0;
}

/* ---- spaces -------------------------------------------------------------------------------------------------- */

/* Of tiles within this share of the best, choices with more steps a turn are listed, too; the model thinks the two equal. */
#define NEAR_BEST 1.05

enum { ROWS_MOST = 28, IN_FLIGHT_MOST = 16, BLOCK_MOST = 256 };

static int32_t tile_rows_most(const tn__space *s, int32_t nv) {
    int64_t fit = (s->registers - 1 - nv) / nv;
    if (fit > ROWS_MOST) fit = ROWS_MOST;
    return (int32_t)(fit < s->rows ? fit : s->rows);
}

static bool product_allows(const tn__space *s, int32_t mr, int32_t nv) {
    return nv >= 1 && nv <= 8 && nv <= s->vectors && !(s->divisors && s->vectors % nv) && mr >= 1 && mr <= tile_rows_most(s, nv);
}

static bool rows_allow(const tn__space *s, int32_t mr, int32_t nv) {
    return mr >= 1 && mr <= s->most_mr && mr <= s->rows && nv >= 1 && nv <= s->most_nv && nv <= s->vectors && mr * nv <= IN_FLIGHT_MOST;
}

static bool block_allows(const tn__space *s, int32_t block) {
    return block == -1 || (block >= 1 && block <= BLOCK_MOST && block <= s->rows && (block % 4 == 0 || block == s->rows));
}

bool tn__space_allows(const tn__space *s, const tn__choice *c) {
    int32_t v[TN__KNOBS];
    if (tn__choice_is_rule(c)) return true; /* a rule may take what is not offered: more rows in flight of a narrow kernel */
    for (int i = 0; i < TN__KNOBS; i++) v[i] = c->value[i] ? c->value[i] : s->rule.value[i];
    if (s->kind == TN__SPACE_BLOCK) return block_allows(s, v[TN__KNOB_block]);
    if (c->value[TN__KNOB_block]) return false;
    int32_t chunk = c->value[TN__KNOB_chunk], pack = c->value[TN__KNOB_pack];
    if (chunk && (!s->cuts || chunk < 0)) return false;
    int32_t steps = c->value[TN__KNOB_steps];
    if (steps && steps != 1 && ((steps != 2 && steps != 4) || steps > s->depth / 2)) return false;
    if (pack && (!s->packs || pack < 0 || pack > 2)) return false;
    bool product = s->kind == TN__SPACE_PRODUCT;
    return product ? product_allows(s, v[TN__KNOB_mr], v[TN__KNOB_nv]) : rows_allow(s, v[TN__KNOB_mr], v[TN__KNOB_nv]);
}

typedef struct ranked {
    tn__choice choice;
    double cost; /* by the model; only the order counts */
    uint32_t id;
} ranked;

static int by_cost(const void *x, const void *y) {
    const ranked *a = x, *b = y;
    if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

typedef struct ranking {
    const tn__space *space;
    ranked items[512];
    uint32_t count;
} ranking;

static void consider(ranking *r, tn__choice c, double cost) {
    for (int i = 0; i < TN__KNOBS; i++)
        if (c.value[i] == r->space->rule.value[i]) c.value[i] = 0;
    if (tn__choice_is_rule(&c) || !tn__space_allows(r->space, &c) || r->count == sizeof r->items / sizeof *r->items) return;
    r->items[r->count] = (ranked){c, cost, r->count};
    r->count++;
}

static double tile_cost(const tn__space *s, int32_t mr, int32_t nv) {
    double rows = (double)(s->rows / mr) * tn__lower_step_cost(mr, nv) + (s->rows % mr ? tn__lower_step_cost(s->rows % mr, nv) : 0);
    return rows * (double)tn__ceil_div(s->vectors, nv);
}

static void product_choices(ranking *r, bool several_threads) {
    const tn__space *s = r->space;
    double best = 1e300;
    for (int32_t nv = 1; nv <= 8; nv++)
        for (int32_t mr = tile_rows_most(s, nv); mr >= 1; mr--) {
            double cost = tile_cost(s, mr, nv);
            if (product_allows(s, mr, nv) && cost < best) best = cost;
            consider(r, (tn__choice){{[TN__KNOB_mr] = mr, [TN__KNOB_nv] = nv}}, cost);
        }
    for (int32_t nv = 1; nv <= 8; nv++)
        for (int32_t mr = tile_rows_most(s, nv); mr >= 1; mr--)
            for (int32_t steps = 2; steps <= 4 && tile_cost(s, mr, nv) <= best * NEAR_BEST; steps *= 2)
                consider(r, (tn__choice){{[TN__KNOB_mr] = mr, [TN__KNOB_nv] = nv, [TN__KNOB_steps] = steps}}, tile_cost(s, mr, nv));
    if (s->packs) consider(r, (tn__choice){{[TN__KNOB_pack] = 3 - s->rule.value[TN__KNOB_pack]}}, best * 1.01);
    for (int32_t chunk = 1; s->cuts && several_threads && chunk <= 64; chunk *= 2)
        consider(r, (tn__choice){{[TN__KNOB_chunk] = chunk}}, best * 1.02);
}

static void rows_choices(ranking *r) {
    const tn__space *s = r->space;
    int32_t flight = s->rule.value[TN__KNOB_mr] * s->rule.value[TN__KNOB_nv];
    for (int32_t nv = 1; nv <= s->most_nv; nv++)
        for (int32_t mr = 1; mr <= s->most_mr; mr++) {
            double ratio = (double)(mr * nv) / flight;
            consider(r, (tn__choice){{[TN__KNOB_mr] = mr, [TN__KNOB_nv] = nv}}, ratio < 1 ? 1 / ratio : ratio);
        }
}

static void block_choices(ranking *r) {
    int32_t rule = r->space->rule.value[TN__KNOB_block];
    consider(r, (tn__choice){{[TN__KNOB_block] = -1}}, 0.5);
    if (r->space->rows <= BLOCK_MOST) consider(r, (tn__choice){{[TN__KNOB_block] = (int32_t)r->space->rows}}, 3);
    for (int32_t block = 4; block <= BLOCK_MOST; block += block < 64 ? 4 : block / 4) {
        double ratio = (double)block / rule;
        consider(r, (tn__choice){{[TN__KNOB_block] = block}}, ratio < 1 ? 1 / ratio : ratio);
    }
}

uint32_t tn__space_choices(const tn__space *s, bool several_threads, tn__choice *out, uint32_t most) {
    ranking r = {.space = s};
    if (s->kind == TN__SPACE_PRODUCT) product_choices(&r, several_threads);
    else if (s->kind == TN__SPACE_ROWS) rows_choices(&r);
    else block_choices(&r);
    qsort(r.items, r.count, sizeof *r.items, by_cost);
    uint32_t n = 0;
    for (uint32_t i = 0; i < r.count && n < most; i++) {
        bool known = false;
        for (uint32_t k = 0; k < n; k++) known |= tn__choice_equal(&out[k], &r.items[i].choice);
        if (!known) out[n++] = r.items[i].choice;
    }
    return n;
}

/* ---- table --------------------------------------------------------------------------------------------------- */

typedef struct entry {
    struct entry *next;
    char *signature; /* owned */
    tn__choice choice;
} entry;

enum { BUCKETS = 1024 };

struct tn__tuning {
    const tn_allocator *a;
    size_t count;
    entry *buckets[BUCKETS];
};

tn_error *tn__tuning_create(const tn_allocator *a, tn__tuning **out) {
    *out = tn__alloc_zero(a, sizeof **out);
    if (!*out) return tn__error_oom();
    (*out)->a = a;
    return NULL;
}

void tn__tuning_destroy(tn__tuning *t) {
    if (!t) return;
    for (int i = 0; i < BUCKETS; i++)
        for (entry *x = t->buckets[i], *next; x; x = next) {
            next = x->next;
            tn__strfree(t->a, x->signature);
            tn__free(t->a, x, sizeof *x);
        }
    tn__free(t->a, t, sizeof *t);
}

static entry *const *bucket_of(const tn__tuning *t, const char *signature) {
    uint32_t h = 2166136261u;
    for (; *signature; signature++) h = (h ^ (unsigned char)*signature) * 16777619u;
    return &t->buckets[h % BUCKETS];
}

static entry *find(const tn__tuning *t, const char *signature) {
    for (entry *x = *bucket_of(t, signature); x; x = x->next)
        if (!strcmp(x->signature, signature)) return x;
    return NULL;
}

tn_error *tn__tuning_put(tn__tuning *t, const char *signature, const tn__choice *c) {
    entry *x = find(t, signature);
    if (!x) {
        if (!(x = tn__alloc_zero(t->a, sizeof *x))) return tn__error_oom();
        if (!(x->signature = tn__strdup(t->a, signature))) return tn__free(t->a, x, sizeof *x), tn__error_oom();
        entry **bucket = (entry **)bucket_of(t, signature);
        x->next = *bucket;
        *bucket = x;
        t->count++;
    }
    x->choice = *c;
    return NULL;
}

const tn__choice *tn__tuning_find(const tn__tuning *t, const char *signature) {
    const entry *x = find(t, signature);
    return x ? &x->choice : NULL;
}

size_t tn__tuning_count(const tn__tuning *t) { return t->count; }
