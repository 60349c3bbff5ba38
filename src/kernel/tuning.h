/* Tuned schedules: what a search found to be faster than the rules of the lowering, by the signature of the kernel.
 *
 * A lowering asks at every site where it is free to choose. No choice changes a bit of any result: a tile, a cut and a block decide only
 * the order in which elements are computed, never the order of a sum (docs/decisions/0025-tuning.md). */
#ifndef TN_KERNEL_TUNING_H
#define TN_KERNEL_TUNING_H
#include "kernel/program.h"

typedef enum tn__knob {
#define TN_KNOB(name, help) TN__KNOB_##name,
#include "kernel/knobs.def"
    TN__KNOBS
} tn__knob;

typedef struct tn__choice {
    int32_t value[TN__KNOBS]; /* 0: the rule's */
} tn__choice;

/* What may be chosen at a site. */
typedef enum tn__space_kind {
    TN__SPACE_PRODUCT, /* register tiles with accumulators: mr x nv within `registers`; steps, chunk, pack where the site has them */
    TN__SPACE_ROWS,    /* rows in flight, `most_mr` of them, and vectors, `most_nv`: their product at most 16 */
    TN__SPACE_BLOCK    /* rows of a block of stages */
} tn__space_kind;

typedef struct tn__space {
    tn__space_kind kind;
    int64_t rows, vectors;
    int32_t registers, most_mr, most_nv;
    bool divisors;      /* nv divides vectors */
    bool cuts, packs;   /* the site reads knobs chunk, pack */
    int64_t depth;      /* steps of the innermost loop over the depth; 0: the site does not read knob steps */
    tn__choice rule;    /* what the rule says: never 0 for the knobs that the site reads, but chunk, whose rule depends on the tile */
} tn__space;

/* A place where a lowering asked. */
typedef struct tn__site {
    const char *signature; /* arena of the program */
    uint32_t root;         /* node of the group; of a block, of its first kernel */
    tn__space space;
    tn__choice used;       /* of the table; all 0: the rule */
    bool found;            /* the table has the signature */
} tn__site;

bool tn__choice_is_rule(const tn__choice *c);
bool tn__choice_equal(const tn__choice *a, const tn__choice *b);
/* "mr=6 nv=4", or "rule". */
void tn__choice_print(const tn__choice *c, tn__text *out);
/* False: not such a text. */
bool tn__choice_parse(const char *text, size_t bytes, tn__choice *out);
/* Whether the site can be lowered so; what a file says is not to be believed. */
bool tn__space_allows(const tn__space *s, const tn__choice *c);
/* Writes at most `most` choices but the rule's, those that the cost model thinks best first; returns how many. */
uint32_t tn__space_choices(const tn__space *s, bool several_threads, tn__choice *out, uint32_t most);

/* Choices by signature. Not thread-safe while it changes. */
typedef struct tn__tuning tn__tuning;
tn_error *tn__tuning_create(const tn_allocator *a, tn__tuning **out);
void tn__tuning_destroy(tn__tuning *t); /* NULL is allowed */
/* Sets or replaces; the text is copied. */
tn_error *tn__tuning_put(tn__tuning *t, const char *signature, const tn__choice *c);
const tn__choice *tn__tuning_find(const tn__tuning *t, const char *signature); /* NULL: none */
size_t tn__tuning_count(const tn__tuning *t);
#endif
