/* Keys, entry files and their check: see cache.h. */
#include "codegen/cache.h"

#include <inttypes.h>
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "base/context.h"
#include "base/os.h"

/* The generator's version is the hash of its sources, from CMakeLists.txt: a number to be raised by hand would be forgotten. */
#ifndef TN_GENERATOR_HASH
#error "TN_GENERATOR_HASH must be defined by the build"
#endif
enum { FORMAT_VERSION = 1 };
static const char magic[8] = "TNOBJ\r\n\x1a";
static const uint64_t max_entry = (uint64_t)1 << 30;

/* ---- hash: two independent 64-bit mixes over 64-bit words --------------------------------------------------------- */

typedef struct hash {
    uint64_t a, b, words;
} hash;

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

/* Both steps are bijections of the state for a fixed word and of the word for a fixed state: one changed word always shows. */
static void hash_word(hash *h, uint64_t w) {
    h->a = (h->a ^ w) * 0x9e3779b97f4a7c15u;
    h->a ^= h->a >> 32;
    h->b = rotate(h->b + w * 0xc2b2ae3d27d4eb4fu, 31) * 0x9e3779b185ebca87u;
    h->words++;
}

static uint64_t load_le(const unsigned char *p, size_t n) {
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++) w |= (uint64_t)p[i] << (8 * i);
    return w;
}

static void store_le(unsigned char *p, uint64_t w, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(w >> (8 * i));
}

static void hash_bytes(hash *h, const void *data, size_t n) {
    const unsigned char *p = data;
    hash_word(h, n);
    for (; n >= 8; p += 8, n -= 8) hash_word(h, load_le(p, 8));
    if (n) hash_word(h, load_le(p, n));
}

static void hash_text(hash *h, const char *text) { hash_bytes(h, text, strlen(text)); }
static void hash_i64(hash *h, int64_t x) { hash_word(h, (uint64_t)x); }
static void hash_double(hash *h, double x) {
    uint64_t w;
    memcpy(&w, &x, sizeof w); /* the bits: -0 and 0 are different code */
    hash_word(h, w);
}

static uint64_t finish(uint64_t x) {
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static tn__cache_key hash_end(hash h) {
    h.a ^= h.words, h.b += h.words;
    return (tn__cache_key){{finish(h.a), finish(h.b)}};
}

/* ---- key ------------------------------------------------------------------------------------------------------------ */

/* A new field that is forgotten below would give two kernels one key, so a change of size must come by here. */
_Static_assert(sizeof(tn__kmap) == 8 + 8 * TN__K_DIMS, "hash_map must hash every field of tn__kmap");
_Static_assert(sizeof(tn__kguard) == sizeof(tn__kmap) + 8, "hash_expr must hash every field of tn__kguard");
_Static_assert(sizeof(tn__kexpr) == 16 + 8 + sizeof(tn__kmap) + 8 + TN__K_GUARDS * sizeof(tn__kguard),
               "hash_expr must hash every field of tn__kexpr");
_Static_assert(sizeof(tn__kdomain) == 40, "hash_kernel must hash every field of tn__kdomain");
_Static_assert(sizeof(tn__kstore) == 8 + sizeof(tn__kmap), "hash_kernel must hash every field of tn__kstore");
_Static_assert(sizeof(tn__kernel) == 64 + 8 + 8 * TN__K_DIMS + 8 + TN__K_EXPRS * sizeof(tn__kexpr) + 16 +
                                         TN__K_DOMAIN * sizeof(tn__kdomain) + 20 + 4 * TN__K_BUFFERS + 4 + sizeof(tn__kmap) + 8 +
                                         2 * sizeof(tn__kguard) +
                                         TN__K_STORES * sizeof(tn__kstore) + 11 * 4 + 4 + 3 * 8 + 8 /* narrowing */,
               "hash_kernel must hash every field of tn__kernel that decides code");

static void hash_map(hash *h, const tn__kmap *m) {
    hash_i64(h, m->offset);
    for (int d = 0; d < TN__K_DIMS; d++) hash_i64(h, m->stride[d]);
}

static void hash_expr(hash *h, const tn__kexpr *x) {
    hash_i64(h, x->op), hash_i64(h, x->dtype);
    for (int i = 0; i < 3; i++) hash_i64(h, x->arg[i]);
    hash_i64(h, x->buffer), hash_double(h, x->value);
    hash_map(h, &x->map);
    hash_i64(h, x->n_guards);
    for (int32_t i = 0; i < x->n_guards && i < TN__K_GUARDS; i++) hash_map(h, &x->guard[i].map), hash_i64(h, x->guard[i].bound);
}

/* Field by field, and only as many elements as count: what lies in padding and beyond the counts decides no code, nor does the name. */
static void hash_kernel(hash *h, const tn__kernel *k) {
    hash_i64(h, k->n_dims), hash_i64(h, k->n_spatial);
    for (int d = 0; d < TN__K_DIMS; d++) hash_i64(h, k->extent[d]);
    hash_i64(h, k->n_exprs);
    for (int32_t i = 0; i < k->n_exprs && i < TN__K_EXPRS; i++) hash_expr(h, &k->exprs[i]);
    hash_i64(h, k->body), hash_i64(h, k->reduce), hash_i64(h, k->epilogue);
    hash_i64(h, k->n_domain);
    for (int32_t i = 0; i < k->n_domain && i < TN__K_DOMAIN; i++) {
        const tn__kdomain *d = &k->domain[i];
        hash_i64(h, d->s), hash_i64(h, d->r);
        hash_i64(h, d->mul_s), hash_i64(h, d->mul_r), hash_i64(h, d->add), hash_i64(h, d->bound);
    }
    hash_i64(h, k->limited), hash_i64(h, k->limit), hash_i64(h, k->when);
    hash_i64(h, k->n_buffers);
    for (int32_t i = 0; i < k->n_buffers && i < TN__K_BUFFERS; i++) hash_i64(h, k->buffer_dtype[i]);
    hash_i64(h, k->out_buffer);
    hash_map(h, &k->out_map);
    hash_i64(h, k->n_out_guards);
    for (int32_t i = 0; i < k->n_out_guards && i < 2; i++) hash_map(h, &k->out_guard[i].map), hash_i64(h, k->out_guard[i].bound);
    hash_i64(h, k->n_stores);
    for (int32_t i = 0; i < k->n_stores && i < TN__K_STORES; i++) {
        hash_i64(h, k->stores[i].expr), hash_i64(h, k->stores[i].buffer);
        hash_map(h, &k->stores[i].map);
    }
    hash_i64(h, k->lanes), hash_i64(h, k->v), hash_i64(h, k->v_tail), hash_i64(h, k->r_lanes);
    hash_i64(h, k->j), hash_i64(h, k->nv), hash_i64(h, k->m), hash_i64(h, k->mr), hash_i64(h, k->m_chunk);
    hash_word(h, k->unroll), hash_i64(h, k->steps);
    hash_i64(h, k->grid), hash_i64(h, k->work);
}

tn__cache_key tn__cache_kernel_key(const tn__kernel *k) {
    hash h = {0x452821e638d01377u, 0xbe5466cf34e90c6cu, 0};
    hash_kernel(&h, k);
    return hash_end(h);
}

tn__cache_key tn__cache_key_make(const tn__target *target, const tn__cache_key *kernels, uint32_t n) {
    hash h = {0x243f6a8885a308d3u, 0x13198a2e03707344u, 0};
    unsigned major = 0, minor = 0, patch = 0;
    LLVMGetVersion(&major, &minor, &patch);
    hash_text(&h, TN_VERSION_TEXT);
    hash_text(&h, TN_GENERATOR_HASH), hash_i64(&h, (int64_t)sizeof(tn__kernel));
    hash_word(&h, major), hash_word(&h, minor), hash_word(&h, patch);
    char *triple = LLVMGetDefaultTargetTriple();
    hash_text(&h, triple);
    LLVMDisposeMessage(triple);
    /* the name too: LLVM schedules for it, and a CPU named by the user has its features from its name alone */
    hash_text(&h, target->cpu), hash_text(&h, target->features);
    hash_i64(&h, target->lanes), hash_i64(&h, target->registers), hash_i64(&h, target->half), hash_i64(&h, target->dot4);
    hash_i64(&h, target->fast_math);
    hash_word(&h, n);
    for (uint32_t i = 0; i < n; i++) hash_word(&h, kernels[i].word[0]), hash_word(&h, kernels[i].word[1]);
    return hash_end(h);
}

const char *tn__generator_version(void) { return TN_GENERATOR_VERSION; }

/* ---- entry: magic 8, format 4, zero 4, key 16, object size 8, its checksum 16, zero 8; then the object; little endian ------ */

static tn__cache_key checksum(const void *object, size_t bytes) {
    hash h = {0xa4093822299f31d0u, 0x082efa98ec4e6c89u, 0};
    hash_bytes(&h, object, bytes);
    return hash_end(h);
}

static void header(const tn__cache_key *key, uint64_t bytes, const tn__cache_key *sum, unsigned char out[TN__CACHE_HEADER]) {
    memset(out, 0, TN__CACHE_HEADER);
    memcpy(out, magic, sizeof magic);
    store_le(out + 8, FORMAT_VERSION, 4);
    store_le(out + 16, key->word[0], 8), store_le(out + 24, key->word[1], 8);
    store_le(out + 32, bytes, 8);
    store_le(out + 40, sum->word[0], 8), store_le(out + 48, sum->word[1], 8);
}

void tn__cache_header(const tn__cache_key *key, const void *object, size_t bytes, unsigned char out[TN__CACHE_HEADER]) {
    tn__cache_key sum = checksum(object, bytes);
    header(key, bytes, &sum, out);
}

const char *tn__cache_check(const tn__cache_key *key, const void *data, size_t bytes, const void **out_object,
                            size_t *out_bytes) {
    const unsigned char *p = data;
    *out_object = NULL;
    *out_bytes = 0;
    if (bytes < TN__CACHE_HEADER) return "shorter than its header";
    if (memcmp(p, magic, sizeof magic)) return "not an entry of this cache";
    if (load_le(p + 8, 4) != FORMAT_VERSION) return "of another format version";
    if (load_le(p + 16, 8) != key->word[0] || load_le(p + 24, 8) != key->word[1]) return "of another key";
    size_t object_bytes = bytes - TN__CACHE_HEADER;
    if (!object_bytes || load_le(p + 32, 8) != object_bytes) return "not of the size it states";
    unsigned char wanted[TN__CACHE_HEADER];
    tn__cache_header(key, p + TN__CACHE_HEADER, object_bytes, wanted);
    if (memcmp(p, wanted, sizeof wanted)) return "damaged: its checksum is wrong";
    *out_object = p + TN__CACHE_HEADER;
    *out_bytes = object_bytes;
    return NULL;
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

/* The path of an entry in a folder that is there and ours; NULL and a note otherwise. */
static char *entry_path(tn_context *c, const tn__code_cache *cache, const tn__cache_key *key) {
    tn_error *e = tn__os_make_private_folder(&c->allocator, cache->dir);
    tn__text path;
    tn__text_init(&path, &c->allocator);
    if (!e) tn__text_addf(&path, "%s/%016" PRIx64 "%016" PRIx64 ".tno", cache->dir, key->word[0], key->word[1]);
    else tn__log_to(&cache->log, TN_LOG_INFO, "code cache is not used: %s", tn_error_get_message(e));
    tn_error_destroy(e);
    return tn__text_take(&path);
}

bool tn__cache_load(tn_context *c, const tn__code_cache *cache, const tn__cache_key *key, tn__cache_entry *out) {
    memset(out, 0, sizeof *out);
    char *path = entry_path(c, cache, key);
    if (!path) return false;
    tn_error *e = tn__os_read_file(&c->allocator, path, max_entry, &out->data, &out->bytes);
    if (e) {
        tn__log_to(&cache->log, TN_LOG_DEBUG, "code cache, compiling: %s", tn_error_get_message(e));
        tn_error_destroy(e);
    } else {
        const char *wrong = tn__cache_check(key, out->data, out->bytes, &out->object, &out->object_bytes);
        if (wrong) {
            tn__log_to(&cache->log, TN_LOG_INFO, "code cache, compiling: '%s' is %s", path, wrong);
            tn__cache_release(c, out);
        } else {
            tn__log_to(&cache->log, TN_LOG_DEBUG, "code cache: '%s' has the code", path);
            tn__os_touch(path);
        }
    }
    tn__strfree(&c->allocator, path);
    return out->data != NULL;
}

void tn__cache_release(tn_context *c, tn__cache_entry *entry) {
    if (entry->data) tn__free(&c->allocator, entry->data, entry->bytes + 1);
    memset(entry, 0, sizeof *entry);
}

void tn__cache_store(tn_context *c, const tn__code_cache *cache, const tn__cache_key *key, const void *object, size_t bytes) {
    uint64_t most = cache->max_bytes && cache->max_bytes < max_entry ? cache->max_bytes : max_entry;
    if (!bytes || bytes > most || bytes + TN__CACHE_HEADER > most) return;
    char *path = entry_path(c, cache, key);
    if (!path) return;
    unsigned char front[TN__CACHE_HEADER];
    tn__cache_header(key, object, bytes, front);
    tn__os_span spans[2] = {{front, sizeof front}, {object, bytes}};
    tn_error *e = tn__os_write_file_quickly(&c->allocator, path, spans, 2);
    if (e) tn__log_to(&cache->log, TN_LOG_INFO, "code cache: %s", tn_error_get_message(e));
    else tn__cache_trim(c, cache);
    tn_error_destroy(e);
    tn__strfree(&c->allocator, path);
}
