#include "ir/sources.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/os_thread.h"

/* Open addressing; entry 0 is free. Texts are found by their bytes, sets by the addresses of their texts. */
typedef struct table {
    uint32_t *slots; /* number + 1 of what is there */
    size_t n_slots, n_used;
} table;

struct tn__sources {
    atomic_uint references;
    const tn_allocator *a;
    tn__os_mutex mutex; /* guards all below */
    tn__arena arena;    /* texts and sets */
    TN__VEC(const char *) texts;
    TN__VEC(const tn__source_set *) sets; /* set k at k - 1 */
    table text_table, set_table;
};

static const tn__source_set empty_set;

tn__sources *tn__sources_create(const tn_allocator *a) {
    tn__sources *t = tn__alloc_zero(a, sizeof *t);
    if (!t) return NULL;
    if (!tn__os_mutex_init(&t->mutex)) return tn__free(a, t, sizeof *t), NULL;
    atomic_init(&t->references, 1);
    t->a = a;
    tn__arena_init(&t->arena, a);
    return t;
}

void tn__sources_retain(tn__sources *t) { atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed); }

void tn__sources_release(tn__sources *t) {
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1) return;
    const tn_allocator *a = t->a;
    TN__VEC_FREE(a, &t->texts);
    TN__VEC_FREE(a, &t->sets);
    tn__free(a, t->text_table.slots, t->text_table.n_slots * sizeof(uint32_t));
    tn__free(a, t->set_table.slots, t->set_table.n_slots * sizeof(uint32_t));
    tn__arena_deinit(&t->arena);
    tn__os_mutex_deinit(&t->mutex);
    tn__free(a, t, sizeof *t);
}

/* ---- interning ----------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t x) { return h = (h ^ x) * 0x9e3779b97f4a7c15u, h ^ h >> 29; }

static uint64_t text_hash(const char *s) {
    uint64_t h = 1469598103934665603u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return mix(h, 0);
}

static uint64_t set_hash(const tn__source_set *s) {
    uint64_t h = mix(s->n, s->hidden);
    for (uint32_t i = 0; i < s->n; i++) h = mix(h, (uintptr_t)s->texts[i]);
    return h;
}

/* Makes room for one more entry; hash(self, number) says where the old ones go. */
static bool grow(tn__sources *t, table *x, uint64_t (*hash)(const tn__sources *, uint32_t)) {
    if (x->n_used * 2 < x->n_slots) return true;
    size_t n = x->n_slots ? x->n_slots * 2 : 64;
    uint32_t *slots = tn__alloc_zero(t->a, n * sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < x->n_slots; i++) {
        if (!x->slots[i]) continue;
        size_t at = hash(t, x->slots[i] - 1) & (n - 1);
        while (slots[at]) at = (at + 1) & (n - 1);
        slots[at] = x->slots[i];
    }
    tn__free(t->a, x->slots, x->n_slots * sizeof *slots);
    x->slots = slots;
    x->n_slots = n;
    return true;
}

static uint64_t hash_of_text(const tn__sources *t, uint32_t i) { return text_hash(t->texts.data[i]); }
static uint64_t hash_of_set(const tn__sources *t, uint32_t i) { return set_hash(t->sets.data[i]); }

static const char *intern_text(tn__sources *t, const char *text) {
    if (!grow(t, &t->text_table, hash_of_text)) return NULL;
    size_t at = text_hash(text) & (t->text_table.n_slots - 1);
    for (uint32_t k; (k = t->text_table.slots[at]); at = (at + 1) & (t->text_table.n_slots - 1))
        if (!strcmp(t->texts.data[k - 1], text)) return t->texts.data[k - 1];
    const char *copy = t->texts.count < UINT32_MAX - 1 ? tn__arena_strdup(&t->arena, text) : NULL;
    if (!copy || !TN__PUSH(t->a, &t->texts, copy)) return NULL;
    t->text_table.slots[at] = (uint32_t)t->texts.count;
    t->text_table.n_used++;
    return copy;
}

static bool same_set(const tn__source_set *a, const tn__source_set *b) {
    return a->n == b->n && a->hidden == b->hidden && !memcmp(a->texts, b->texts, a->n * sizeof *a->texts);
}

static uint32_t intern_set(tn__sources *t, const tn__source_set *set) {
    if (!grow(t, &t->set_table, hash_of_set)) return 0;
    size_t at = set_hash(set) & (t->set_table.n_slots - 1);
    for (uint32_t k; (k = t->set_table.slots[at]); at = (at + 1) & (t->set_table.n_slots - 1))
        if (same_set(t->sets.data[k - 1], set)) return k;
    const tn__source_set *copy = t->sets.count < UINT32_MAX - 1 ? tn__arena_copy(&t->arena, set, sizeof *set + set->n * sizeof *set->texts) : NULL;
    if (!copy || !TN__PUSH(t->a, &t->sets, copy)) return 0;
    t->set_table.n_used++;
    return t->set_table.slots[at] = (uint32_t)t->sets.count;
}

/* A set on the stack. */
typedef union room {
    tn__source_set set;
    char bytes[sizeof(tn__source_set) + TN__SOURCE_MOST * sizeof(const char *)];
} room;

uint32_t tn__sources_of_text(tn__sources *t, const char *text) {
    enum { KEPT = TN__SOURCE_BYTES - 48 };
    char bounded[TN__SOURCE_BYTES + 1];
    size_t bytes = strlen(text);
    if (bytes > TN__SOURCE_BYTES) {
        size_t kept = KEPT;
        while (kept > KEPT - 4 && ((unsigned char)text[kept] & 0xc0) == 0x80) kept--; /* not within a character */
        memcpy(bounded, text, kept);
        snprintf(bounded + kept, sizeof bounded - kept, "... (%zu more bytes)", bytes - kept);
        text = bounded;
    }
    room r = {.set = {.n = 1}};
    tn__os_mutex_lock(&t->mutex);
    r.set.texts[0] = intern_text(t, text);
    uint32_t k = r.set.texts[0] ? intern_set(t, &r.set) : 0;
    tn__os_mutex_unlock(&t->mutex);
    return k;
}

static bool contains(const tn__source_set *s, const char *text) {
    for (uint32_t i = 0; i < s->n; i++)
        if (s->texts[i] == text) return true;
    return false;
}

/* `hidden` is the least that the whole union can have: of two sets that both hide texts, these may be the same. */
static void unite(const tn__source_set *a, const tn__source_set *b, tn__source_set *out) {
    uint64_t listed = a->n, most = (uint64_t)a->n + a->hidden;
    if (most < (uint64_t)b->n + b->hidden) most = (uint64_t)b->n + b->hidden;
    out->n = a->n;
    memcpy(out->texts, a->texts, a->n * sizeof *a->texts);
    for (uint32_t i = 0; i < b->n; i++) {
        if (contains(a, b->texts[i])) continue;
        listed++;
        if (out->n < TN__SOURCE_MOST) out->texts[out->n++] = b->texts[i];
    }
    if (most < listed) most = listed;
    most -= out->n;
    out->hidden = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

uint32_t tn__sources_merge(tn__sources *t, uint32_t a, uint32_t b) {
    if (a == b || !b) return a;
    if (!a) return b;
    room r;
    tn__os_mutex_lock(&t->mutex);
    unite(t->sets.data[a - 1], t->sets.data[b - 1], &r.set);
    uint32_t k = intern_set(t, &r.set);
    tn__os_mutex_unlock(&t->mutex);
    return k;
}

uint32_t tn__sources_hide(tn__sources *t, uint32_t set, uint32_t hidden) {
    if (!set) return 0;
    room r;
    tn__os_mutex_lock(&t->mutex);
    const tn__source_set *s = t->sets.data[set - 1];
    memcpy(&r.set, s, sizeof *s + s->n * sizeof *s->texts);
    r.set.hidden = hidden;
    uint32_t k = intern_set(t, &r.set);
    tn__os_mutex_unlock(&t->mutex);
    return k;
}

const tn__source_set *tn__sources_get(tn__sources *t, uint32_t set) {
    if (!t || !set) return &empty_set;
    tn__os_mutex_lock(&t->mutex);
    const tn__source_set *s = t->sets.data[set - 1];
    tn__os_mutex_unlock(&t->mutex);
    return s;
}

/* ---- for people ---------------------------------------------------------------------------------------------- */

/* Bytes of the character of UTF-8 that `s` begins with, 0: none. */
static size_t character(const unsigned char *s, uint32_t *out) {
    uint32_t c = s[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n > 1) c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *out = c;
    return n && (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) ? 0 : n;
}

/* Not a control character (of terminals too), and one that XML takes. */
static bool is_printable(uint32_t c) { return c >= 0x20 && (c < 0x7f || c >= 0xa0) && c != 0xfffe && c != 0xffff; }

bool tn__source_is_utf8(const char *text) {
    uint32_t c;
    for (size_t n; *text; text += n)
        if (!(n = character((const unsigned char *)text, &c))) return false;
    return true;
}

void tn__source_escape(tn__text *to, const char *text) {
    char run[64];
    size_t n = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        if (n > sizeof run - 8) run[n] = 0, tn__text_add(to, run), n = 0;
        uint32_t c;
        size_t bytes = character(s, &c);
        if (bytes && is_printable(c) && c != '\\') memcpy(run + n, s, bytes), n += bytes, s += bytes;
        else if (*s == '\\') memcpy(run + n, "\\\\", 2), n += 2, s++;
        else if (*s == '\n') memcpy(run + n, "\\n", 2), n += 2, s++;
        else n += (size_t)snprintf(run + n, 5, "\\x%02x", *s++);
    }
    run[n] = 0;
    tn__text_add(to, run);
}

void tn__source_list(tn__text *to, const tn__source_set *set, uint32_t most) {
    uint32_t n = most && set->n > most ? most : set->n;
    uint64_t rest = (uint64_t)set->n - n + set->hidden;
    for (uint32_t i = 0; i < n; i++) {
        if (i) tn__text_add(to, ", ");
        tn__source_escape(to, set->texts[i]);
    }
    if (rest) tn__text_addf(to, " and %s%llu more", set->hidden ? "at least " : "", (unsigned long long)rest);
}

tn_error *tn__error_from(tn_error *e, const tn__source_set *set, const char *name) {
    enum { IN_A_MESSAGE = 4 };
    tn__text text;
    if (!e || e == tn__error_oom() || !set->n) return e;
    if (name && set->n == 1 && !set->hidden && !strcmp(set->texts[0], name)) return e;
    const tn_allocator a = *tn__error_allocator(e);
    tn__text_init(&text, &a);
    tn__source_list(&text, set, IN_A_MESSAGE);
    if (!text.failed) e = tn__error_suffix(e, " [from %s]", text.data);
    tn__text_deinit(&text);
    return e;
}
