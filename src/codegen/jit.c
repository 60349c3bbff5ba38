/* A set of kernels to functions in memory: equal kernels once, compiled on all threads, from the disk cache where it has them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "codegen/cache.h"
#include "codegen/link.h"
#include "rt/pool.h"

struct tn__code {
    tn_context *context; /* retained */
    LLVMOrcLLJITRef jit;
    uint32_t n;
    uint64_t bytes;
    bool from_cache;
    tn__kernel_fn functions[];
};

/* ---- distinct kernels, and units of them that are compiled in one piece --------------------------------------------------- */

/* One LLVM module; about 0.6 ms of LLVM's time whatever is in it, so small kernels share one. Cut by what the kernels are, never by the
 * number of threads: the objects are always the same bytes. */
typedef struct unit {
    uint32_t first, n; /* of order[] */
    double cost;
    bool quick;
    LLVMMemoryBufferRef object;
    tn_error *error;
} unit;

typedef struct build {
    tn_context *c;
    const tn__target *target;
    tn__kernel *const *kernels;
    uint32_t n, n_distinct, n_units;
    tn__symbol *symbols;       /* by kernel */
    tn__cache_key *identities; /* by kernel */
    uint32_t *order;           /* distinct kernels, equal ones named by their first: first n_distinct entries */
    unit *units;
    LLVMTargetMachineRef *machines; /* two a worker, whole and quick; made when first needed */
    int32_t n_machines;
    uint64_t start_ns, budget_ns;
    tn__arena arena;
} build;

/* What LLVM takes for a kernel grows with the expressions that are emitted: the tile's, for each unrolled step. */
enum { COST_A_MS = 50 }; /* on a fast machine */
static double compile_cost(const tn__kernel *k) {
    double steps = 1, tiles = k->m >= 0 && k->extent[k->m] % k->mr ? 2 : 1;
    for (int32_t i = 0; i < k->n_domain; i++) tiles += k->domain[i].s == k->m;
    for (int32_t d = 0; d < k->n_dims; d++)
        if (k->unroll >> d & 1) steps *= (double)k->extent[d];
    if (k->steps > 1) steps *= k->steps;
    return 100 + tiles * k->mr * k->nv * (k->n_exprs + 2 * steps);
}

static uint64_t slot_of(const tn__cache_key *key, uint64_t size) { return key->word[0] & (size - 1); }

static tn_error *find_distinct(build *b) {
    uint64_t size = 16;
    while (size < 2 * (uint64_t)b->n) size *= 2;
    uint32_t *table = tn__arena_array(&b->arena, size, sizeof *table); /* kernel + 1 */
    b->symbols = TN__ARENA_ARRAY(&b->arena, tn__symbol, b->n);
    b->identities = TN__ARENA_ARRAY(&b->arena, tn__cache_key, b->n);
    b->order = TN__ARENA_ARRAY(&b->arena, uint32_t, b->n);
    if (!table || !b->symbols || !b->identities || !b->order) return tn__error_oom();
    for (uint32_t i = 0; i < b->n; i++) {
        tn__cache_key id = b->identities[i] = tn__cache_kernel_key(b->kernels[i]);
        snprintf(b->symbols[i].text, sizeof b->symbols[i].text, "tn_%016" PRIx64 "%016" PRIx64, id.word[0], id.word[1]);
        uint64_t at = slot_of(&id, size);
        while (table[at] && memcmp(&b->identities[table[at] - 1], &id, sizeof id)) at = (at + 1) & (size - 1);
        if (table[at]) continue;
        table[at] = i + 1;
        b->order[b->n_distinct++] = i;
    }
    return NULL;
}

static int dearest_first(const void *x, const void *y) {
    const unit *a = x, *b = y;
    if (a->cost != b->cost) return a->cost < b->cost ? 1 : -1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Neighbours share a unit until it costs enough; the dearest unit first, for the threads to end together. */
static tn_error *cut_units(build *b) {
    enum { ENOUGH = 1000 }; /* 20 ms: little beside it is the unit's own cost, and four threads still share ResNet-50 well */
    b->units = TN__ARENA_ARRAY(&b->arena, unit, b->n_distinct + 1);
    if (!b->units) return tn__error_oom();
    for (uint32_t i = 0; i < b->n_distinct; i++) {
        double cost = compile_cost(b->kernels[b->order[i]]);
        unit *u = b->n_units ? &b->units[b->n_units - 1] : NULL;
        if (!u || u->cost + cost > ENOUGH) {
            u = &b->units[b->n_units++];
            u->first = i;
        }
        u->n++;
        u->cost += cost;
    }
    qsort(b->units, b->n_units, sizeof *b->units, dearest_first);
    return NULL;
}

/* Would the unit end after the budget? */
static bool is_late(const build *b, const unit *u) {
    return b->budget_ns && (double)(tn__os_clock_ns() - b->start_ns) + u->cost / COST_A_MS * 1e6 > (double)b->budget_ns;
}

static void compile_units(void *self, int64_t begin, int64_t end, int32_t worker) {
    build *b = self;
    for (int64_t i = begin; i < end; i++) {
        unit *u = &b->units[i];
        u->error = tn__context_poll(b->c);
        u->quick = is_late(b, u);
        LLVMTargetMachineRef *machine = &b->machines[2 * worker + u->quick];
        if (!u->error && !*machine) u->error = tn__machine_create(b->c, b->target, u->quick, machine);
        if (!u->error)
            u->error = tn__object_create(b->c, b->target, *machine, u->quick, b->kernels, b->symbols, b->order + u->first, u->n, &u->object);
    }
}

static tn_error *compile(build *b, tn__pool *pool) {
    TN__TRY(cut_units(b));
    b->n_machines = 2 * tn__pool_get_threads(pool);
    b->machines = TN__ARENA_ARRAY(&b->arena, LLVMTargetMachineRef, b->n_machines);
    if (!b->machines) return tn__error_oom();
    tn_error *e = tn__pool_run(pool, compile_units, b, b->n_units, 1);
    for (uint32_t i = 0; i < b->n_units; i++) { /* the first one in order, for the message not to depend on the threads either */
        if (!e) e = b->units[i].error;
        else tn_error_destroy(b->units[i].error);
        b->units[i].error = NULL;
    }
    return e;
}

/* ---- objects in one block, as the cache keeps them: count 8, sizes 8 each; then each object; all little endian -------------- */

static void put_u64(unsigned char *p, uint64_t x) {
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)(x >> (8 * i));
}

static uint64_t get_u64(const unsigned char *p) {
    uint64_t x = 0;
    for (int i = 0; i < 8; i++) x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static void store(const build *b, const tn__code_cache *cache, const tn__cache_key *key) {
    const tn_allocator *a = &b->c->allocator;
    size_t head = 8 + 8 * (size_t)b->n_units, bytes = head;
    for (uint32_t i = 0; i < b->n_units; i++) bytes += LLVMGetBufferSize(b->units[i].object);
    unsigned char *block = tn__alloc(a, bytes), *at = block + head;
    if (!block) return; /* the next start compiles again */
    put_u64(block, b->n_units);
    for (uint32_t i = 0; i < b->n_units; i++) {
        size_t n = LLVMGetBufferSize(b->units[i].object);
        put_u64(block + 8 + 8 * i, n);
        memcpy(at, LLVMGetBufferStart(b->units[i].object), n);
        at += n;
    }
    tn__cache_store(b->c, cache, key, block, bytes);
    tn__free(a, block, bytes);
}

/* Checked although the entry's checksum was right: a wrong count must not become a wrong address. */
static bool split(build *b, const unsigned char *data, size_t bytes) {
    if (bytes < 8 || get_u64(data) > (bytes - 8) / 8 || get_u64(data) > b->n_distinct) return false;
    uint32_t n = (uint32_t)get_u64(data);
    const unsigned char *at = data + 8 + 8 * (size_t)n;
    uint64_t left = bytes - 8 - 8 * (uint64_t)n;
    b->units = TN__ARENA_ARRAY(&b->arena, unit, n + 1);
    for (uint32_t i = 0; b->units && i < n; i++) {
        uint64_t size = get_u64(data + 8 + 8 * (size_t)i);
        if (size > left) return false;
        b->units[b->n_units++].object = LLVMCreateMemoryBufferWithMemoryRangeCopy((const char *)at, (size_t)size, "cache");
        at += size, left -= size;
    }
    return b->units && !left;
}

/* ---- code ----------------------------------------------------------------------------------------------------------------- */

static void dispose_objects(build *b) {
    for (uint32_t i = 0; i < b->n_units; i++)
        if (b->units[i].object) LLVMDisposeMemoryBuffer(b->units[i].object);
    b->n_units = 0;
}

static tn_error *link_units(tn__code *code, build *b) {
    LLVMMemoryBufferRef *objects = TN__ARENA_ARRAY(&b->arena, LLVMMemoryBufferRef, b->n_units + 1);
    if (!objects) return tn__error_oom();
    code->bytes = 0;
    for (uint32_t i = 0; i < b->n_units; i++) {
        objects[i] = b->units[i].object;
        b->units[i].object = NULL;
        code->bytes += LLVMGetBufferSize(objects[i]);
    }
    return tn__link(b->c, b->target, objects, b->n_units, b->symbols, b->n, &code->jit, code->functions);
}

/* True when the code came from the cache; whatever is wrong with an entry only means compiling. */
static bool link_cached(tn__code *code, build *b, const tn__code_cache *cache, const tn__cache_key *key) {
    tn__cache_entry entry;
    if (!tn__cache_load(b->c, cache, key, &entry)) return false;
    bool whole = split(b, entry.object, entry.object_bytes);
    tn__cache_release(b->c, &entry);
    tn_error *e = whole ? link_units(code, b) : TN__FAIL(&b->c->allocator, CODEGEN, "an entry does not hold together");
    dispose_objects(b);
    if (e) tn__log_to(&cache->log, TN_LOG_INFO, "code cache, compiling: %s", tn_error_get_message(e));
    code->from_cache = !e;
    tn_error_destroy(e);
    return code->from_cache;
}

static tn_error *create(tn__code *code, build *b, const tn__code_cache *cache, tn__pool *pool) {
    TN__TRY(find_distinct(b));
    tn__cache_key key = {{0}};
    if (cache->dir) {
        tn__cache_key *list = TN__ARENA_ARRAY(&b->arena, tn__cache_key, b->n_distinct + 1);
        if (!list) return tn__error_oom();
        for (uint32_t i = 0; i < b->n_distinct; i++) list[i] = b->identities[b->order[i]];
        key = tn__cache_key_make(b->target, list, b->n_distinct);
        if (link_cached(code, b, cache, &key)) return NULL;
    }
    tn_error *e = compile(b, pool);
    tn__log_to(&cache->log, TN_LOG_DEBUG, "code: %u kernels, %u of them distinct, in %u pieces, %.1f ms", b->n, b->n_distinct, b->n_units,
               (double)(tn__os_clock_ns() - b->start_ns) * 1e-6);
    uint32_t n_quick = 0;
    for (uint32_t i = 0; i < b->n_units; i++) n_quick += b->units[i].quick ? b->units[i].n : 0;
    if (n_quick) tn__log_to(&cache->log, TN_LOG_INFO, "compile_budget_ms: %u of %u kernels were compiled quickly and are slower", n_quick, b->n_distinct);
    if (!e && cache->dir && !n_quick) store(b, cache, &key);
    if (!e) e = link_units(code, b);
    dispose_objects(b);
    for (int32_t i = 0; i < b->n_machines; i++)
        if (b->machines[i]) LLVMDisposeTargetMachine(b->machines[i]);
    return e;
}

tn_error *tn__code_create(tn_context *c, const tn__target *target, tn__kernel *const *kernels, uint32_t n, const tn__code_cache *cache,
                          uint64_t budget_ms, tn__pool *pool, tn__code **out) {
    *out = NULL;
    tn__code *code = tn__alloc_zero(&c->allocator, sizeof *code + n * sizeof *code->functions);
    if (!code) return tn__error_oom();
    tn_context_retain(c);
    code->context = c;
    code->n = n;
    build b = {.c = c, .target = target, .kernels = kernels, .n = n, .start_ns = tn__os_clock_ns(), .budget_ns = budget_ms * 1000000};
    tn__arena_init(&b.arena, &c->allocator);
    tn_error *e = create(code, &b, cache, pool);
    tn__arena_deinit(&b.arena);
    if (e) tn__code_destroy(code);
    else *out = code;
    return e;
}

void tn__code_destroy(tn__code *code) {
    if (!code) return;
    tn_context *c = code->context;
    tn__unlink(code->jit);
    tn__free(&c->allocator, code, sizeof *code + code->n * sizeof *code->functions);
    tn_context_release(c);
}

tn__kernel_fn tn__code_get(const tn__code *code, uint32_t index) { return index < code->n ? code->functions[index] : NULL; }
uint64_t tn__code_bytes(const tn__code *code) { return code->bytes; }
bool tn__code_from_cache(const tn__code *code) { return code->from_cache; }
