/* The .npy format:
 *
 *   | 93 'N' 'U' 'M' 'P' 'Y' | major | minor | header bytes: u16 (v1) or u32 (v2, v3), little-endian | header | data |
 *
 * The header is the text of a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } */
#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "rt/tensor.h"

#define HEADER_MAX 65536 /* of versions 2 and 3; ours takes some hundred bytes */

/* ---- header text --------------------------------------------------------------------------------------------- */

typedef struct header {
    char descr[16];
    bool fortran, has_descr, has_order, has_shape;
    int32_t rank;
    int64_t dims[TN_MAX_RANK];
} header;

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) c->at++;
}

static bool take(cursor *c, char wanted) {
    skip_blanks(c);
    if (c->at >= c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word) {
    size_t n = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0) return false;
    c->at += n;
    return true;
}

/* A quoted text without escapes. */
static bool take_text(cursor *c, char *buffer, size_t bytes) {
    skip_blanks(c);
    if (c->at >= c->end || (*c->at != '\'' && *c->at != '"')) return false;
    char quote = *c->at++;
    size_t n = 0;
    while (c->at < c->end && *c->at != quote) {
        if (n + 1 >= bytes || *c->at == '\\' || *c->at == 0) return false;
        buffer[n++] = *c->at++;
    }
    buffer[n] = 0;
    return take(c, quote);
}

static bool take_size(cursor *c, int64_t *out) {
    skip_blanks(c);
    int64_t x = 0;
    const char *start = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (!tn__mul_i64(x, 10, &x) || !tn__add_i64(x, *c->at - '0', &x)) return false;
    *out = x;
    return c->at > start;
}

static bool take_shape(cursor *c, header *h) {
    if (!take(c, '(')) return false;
    for (h->rank = 0; !take(c, ')'); h->rank++) {
        if (h->rank == TN_MAX_RANK || !take_size(c, &h->dims[h->rank])) return false;
        if (!take(c, ',')) {
            h->rank++;
            return take(c, ')');
        }
    }
    return true;
}

static bool parse_header(cursor c, header *h) {
    *h = (header){0};
    if (!take(&c, '{')) return false;
    while (!take(&c, '}')) {
        char key[24];
        if (!take_text(&c, key, sizeof key) || !take(&c, ':')) return false;
        if (!strcmp(key, "descr") && !h->has_descr) {
            if (!take_text(&c, h->descr, sizeof h->descr)) return false;
            h->has_descr = true;
        } else if (!strcmp(key, "fortran_order") && !h->has_order) {
            h->fortran = take_word(&c, "True");
            if (!h->fortran && !take_word(&c, "False")) return false;
            h->has_order = true;
        } else if (!strcmp(key, "shape") && !h->has_shape) {
            if (!take_shape(&c, h)) return false;
            h->has_shape = true;
        } else {
            return false;
        }
        if (!take(&c, ',')) {
            if (!take(&c, '}')) return false;
            break;
        }
    }
    skip_blanks(&c);
    return c.at == c.end && h->has_descr && h->has_order && h->has_shape;
}

/* ---- dtypes -------------------------------------------------------------------------------------------------- */

static const struct {
    tn_dtype dtype;
    const char *text; /* kind and bytes */
} numpy_types[] = {
    {TN_DTYPE_f64, "f8"}, {TN_DTYPE_f32, "f4"}, {TN_DTYPE_f16, "f2"}, {TN_DTYPE_i64, "i8"},
    {TN_DTYPE_i32, "i4"}, {TN_DTYPE_i16, "i2"}, {TN_DTYPE_i8, "i1"},  {TN_DTYPE_u64, "u8"},
    {TN_DTYPE_u32, "u4"}, {TN_DTYPE_u16, "u2"}, {TN_DTYPE_u8, "u1"},  {TN_DTYPE_bool, "b1"},
};
enum { N_NUMPY_TYPES = sizeof numpy_types / sizeof numpy_types[0] };

/* Sets the dtype, the bytes of an element in the file, and whether they are to be swapped. */
static bool parse_descr(const char *descr, tn_dtype *dtype, size_t *bytes, bool *swap) {
    if (!strchr("<>|=", descr[0]) || !descr[0]) return false;
    *swap = descr[0] == '>';
    if (descr[1] == 'S') {
        int64_t n;
        cursor c = {descr + 2, descr + strlen(descr)};
        if (!take_size(&c, &n) || c.at != c.end || n < 1 || n > 1 << 20) return false;
        *dtype = TN_DTYPE_string;
        *bytes = (size_t)n;
        *swap = false;
        return true;
    }
    for (size_t i = 0; i < N_NUMPY_TYPES; i++) {
        if (strcmp(numpy_types[i].text, descr + 1) != 0) continue;
        *dtype = numpy_types[i].dtype;
        *bytes = tn_dtype_bits(*dtype) / 8;
        return descr[0] != '|' || *bytes == 1;
    }
    return false;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static tn_error *store_element(const tn_allocator *a, tn_tensor *t, int64_t i, const unsigned char *src, size_t bytes, bool swap) {
    if (t->dtype == TN_DTYPE_string) {
        size_t n = 0;
        while (n < bytes && src[n]) n++;
        char *text = tn__alloc(a, n + 1);
        if (!text) return tn__error_oom();
        if (n) memcpy(text, src, n);
        text[n] = 0;
        ((char **)t->data)[i] = text;
        return NULL;
    }
    unsigned char *dst = (unsigned char *)t->data + (size_t)i * bytes;
    for (size_t k = 0; k < bytes; k++) dst[k] = src[swap ? bytes - 1 - k : k];
    if (t->dtype == TN_DTYPE_bool) *dst = *dst != 0;
    return NULL;
}

/* Elements in file order; of a Fortran file the first axis runs fastest. */
static tn_error *copy_elements(const tn_allocator *a, tn_tensor *t, const unsigned char *src, size_t bytes, bool swap, bool fortran) {
    if (!fortran && !swap && t->dtype != TN_DTYPE_string && t->dtype != TN_DTYPE_bool) {
        if (t->bytes) memcpy(t->data, src, t->bytes);
        return NULL;
    }
    int64_t strides[TN_MAX_RANK], index[TN_MAX_RANK] = {0}, stride = 1;
    for (int32_t k = t->rank - 1; k >= 0; k--) {
        strides[k] = stride;
        stride *= t->dims[k];
    }
    int64_t at = 0;
    for (int64_t i = 0; i < t->elements; i++) {
        tn_error *e = store_element(a, t, fortran ? at : i, src + (size_t)i * bytes, bytes, swap);
        if (e) return e;
        for (int32_t k = 0; k < t->rank; k++) {
            at += strides[k];
            if (++index[k] < t->dims[k]) break;
            at -= strides[k] * t->dims[k];
            index[k] = 0;
        }
    }
    return NULL;
}

tn_error *cli_npy_parse(tn_context *context, const char *what, const void *data, size_t bytes, tn_tensor **out_tensor) {
    *out_tensor = NULL;
    const tn_allocator *a = &context->allocator;
    const unsigned char *p = data;
    if (bytes < 10 || memcmp(p, "\x93NUMPY", 6) != 0) return TN__FAIL(a, PARSE, "%s: not a .npy file", what);
    if (p[6] < 1 || p[6] > 3) return TN__FAIL(a, UNSUPPORTED, "%s: .npy version %d, wanted 1 to 3", what, p[6]);
    size_t start = p[6] == 1 ? 10 : 12;
    if (bytes < start) return TN__FAIL(a, PARSE, "%s: ends in the header", what);
    size_t header_bytes = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1) header_bytes |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (header_bytes > HEADER_MAX || header_bytes > bytes - start)
        return TN__FAIL(a, PARSE, "%s: header of %zu bytes, the file has %zu after its start", what, header_bytes, bytes - start);
    header h;
    if (!parse_header((cursor){(const char *)p + start, (const char *)p + start + header_bytes}, &h))
        return TN__FAIL(a, PARSE, "%s: malformed header; wanted descr, fortran_order and a shape of at most %d sizes", what, TN_MAX_RANK);
    tn_dtype dtype;
    size_t element_bytes, wanted;
    bool swap;
    if (!parse_descr(h.descr, &dtype, &element_bytes, &swap))
        return TN__FAIL(a, UNSUPPORTED, "%s: dtype '%s', wanted b1, i1 to i8, u1 to u8, f2 to f8 or S", what, h.descr);
    int64_t elements;
    TN__TRY(tn__elements(context, what, h.rank, h.dims, &elements));
    size_t rest = bytes - start - header_bytes;
    if (!tn__mul((size_t)elements, element_bytes, &wanted) || wanted != rest)
        return TN__FAIL(a, PARSE, "%s: %zu bytes of data, the header wants %" PRId64 " elements of %zu", what, rest, elements,
                        element_bytes);
    tn_tensor *t;
    TN__TRY(tn_tensor_create(context, dtype, h.rank, h.dims, &t));
    tn_error *e = copy_elements(a, t, p + start + header_bytes, element_bytes, swap, h.fortran);
    if (e) tn_tensor_release(t);
    else *out_tensor = t;
    return e;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static const char *numpy_text(tn_dtype d) {
    for (size_t i = 0; i < N_NUMPY_TYPES; i++)
        if (numpy_types[i].dtype == d) return numpy_types[i].text;
    return NULL;
}

static tn_error *write_npy(const tn_allocator *a, const char *path, const char *descr, const tn_tensor *t, const void *data, size_t bytes) {
    tn__text text;
    tn__text_init(&text, a);
    tn__text_addf(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int32_t k = 0; k < t->rank; k++) tn__text_addf(&text, "%s%" PRId64, k ? ", " : "", t->dims[k]);
    tn__text_add(&text, t->rank == 1 ? ",), }" : "), }");
    while (!text.failed && (10 + text.length + 1) % 64) tn__text_add(&text, " ");
    tn__text_add(&text, "\n");
    if (text.failed) {
        tn__text_deinit(&text);
        return tn__error_oom();
    }
    unsigned char start[10] = "\x93NUMPY\x01";
    start[8] = (unsigned char)(text.length & 255); /* 32 sizes of 20 digits fit into 16 bits */
    start[9] = (unsigned char)(text.length >> 8);
    tn__os_span spans[] = {{start, sizeof start}, {text.data, text.length}, {data, bytes}};
    tn_error *e = tn__os_write_file(a, path, spans, bytes ? 3 : 2);
    tn__text_deinit(&text);
    return e;
}

/* Fixed-width byte strings, zero-padded. */
static tn_error *save_strings(const tn_allocator *a, const tn_tensor *t, const char *path) {
    size_t width = 1, bytes;
    const char *const *items = t->data;
    for (int64_t i = 0; i < t->elements; i++)
        if (items[i] && strlen(items[i]) > width) width = strlen(items[i]);
    if (!tn__mul(width, (size_t)t->elements, &bytes)) return tn__error_oom();
    char *packed = tn__alloc_zero(a, bytes), descr[32];
    if (!packed) return tn__error_oom();
    for (int64_t i = 0; i < t->elements; i++)
        if (items[i]) memcpy(packed + (size_t)i * width, items[i], strlen(items[i]));
    snprintf(descr, sizeof descr, "|S%zu", width);
    tn_error *e = write_npy(a, path, descr, t, packed, bytes);
    tn__free(a, packed, bytes);
    return e;
}

tn_error *cli_npy_save(tn_context *context, const tn_tensor *tensor, const char *path) {
    const tn_allocator *a = &context->allocator;
    if (tensor->dtype == TN_DTYPE_string) return save_strings(a, tensor, path);
    const char *text = numpy_text(tensor->dtype);
    char descr[8];
    if (text) {
        snprintf(descr, sizeof descr, "%c%s", tn_dtype_bits(tensor->dtype) == 8 ? '|' : '<', text);
        return write_npy(a, path, descr, tensor, tensor->data, tensor->bytes);
    }
    bool is_float = tn__dtype_is_float(tensor->dtype) && tensor->dtype != TN_DTYPE_i2 && tensor->dtype != TN_DTYPE_u2;
    bool is_signed = tensor->dtype == TN_DTYPE_i4 || tensor->dtype == TN_DTYPE_i2;
    tn_dtype wide = is_float ? TN_DTYPE_f32 : is_signed ? TN_DTYPE_i8 : TN_DTYPE_u8;
    tn_tensor *copy;
    TN__TRY(tn_tensor_create(context, wide, tensor->rank, tensor->dims, &copy));
    for (int64_t i = 0; i < tensor->elements; i++) {
        if (is_float) tn__store_f64(wide, copy->data, i, tn__load_f64(tensor->dtype, tensor->data, i));
        else tn__store_i64(wide, copy->data, i, tn__load_i64(tensor->dtype, tensor->data, i));
    }
    tn_error *e = cli_npy_save(context, copy, path);
    tn_tensor_release(copy);
    return e;
}
