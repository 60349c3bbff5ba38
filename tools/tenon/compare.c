/* Tolerances, and the element where two tensors differ most. */
#include "compare.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/dtype.h"
#include "cli.h"

const char *cli_dims_text(int32_t rank, const int64_t *dims, char *buffer, size_t bytes) {
    size_t used = (size_t)snprintf(buffer, bytes, "[");
    for (int32_t k = 0; k < rank && used < bytes; k++)
        used += (size_t)snprintf(buffer + used, bytes - used, "%s%" PRId64, k ? "," : "", dims[k]);
    if (used < bytes) snprintf(buffer + used, bytes - used, "]");
    return buffer;
}

const char *cli_index_text(const tn_tensor *t, int64_t i, char *buffer, size_t bytes) {
    int32_t rank = tn_tensor_get_rank(t);
    const int64_t *dims = tn_tensor_get_dims(t);
    int64_t index[TN_MAX_RANK];
    for (int32_t k = rank - 1; k >= 0; k--) {
        index[k] = dims[k] ? i % dims[k] : 0;
        i = dims[k] ? i / dims[k] : 0;
    }
    return cli_dims_text(rank, index, buffer, bytes);
}

static const char *string_at(const tn_tensor *t, int64_t i) {
    const char *s = ((const char *const *)tn_tensor_get_data(t))[i];
    return s ? s : "";
}

const char *cli_element_text(const tn_tensor *t, int64_t i, char *buffer, size_t bytes) {
    tn_dtype d = tn_tensor_get_dtype(t);
    const void *data = tn_tensor_get_data(t);
    switch (tn__dtype_get_class(d)) {
    case TN__CLASS_STRING: snprintf(buffer, bytes, "\"%.60s\"", string_at(t, i)); break;
    case TN__CLASS_BOOL: snprintf(buffer, bytes, "%s", tn__load_i64(d, data, i) ? "true" : "false"); break;
    case TN__CLASS_SINT: snprintf(buffer, bytes, "%" PRId64, tn__load_i64(d, data, i)); break;
    case TN__CLASS_UINT: snprintf(buffer, bytes, "%" PRIu64, (uint64_t)tn__load_i64(d, data, i)); break;
    default: snprintf(buffer, bytes, d == TN_DTYPE_f64 ? "%.17g" : "%.9g", tn__load_f64(d, data, i)); break;
    }
    return buffer;
}

/* Maps a float's bits to integers in the order of the numbers, so that neighbours differ by one. */
static uint64_t ordered_bits(tn_dtype d, const void *data, int64_t i) {
    uint32_t bits = tn_dtype_bits(d);
    uint64_t x = 0;
    if (bits < 8) {
        uint32_t per_byte = 8 / bits;
        x = ((const uint8_t *)data)[i / per_byte] >> (bits * (uint32_t)(i % per_byte)) & ((1u << bits) - 1);
    } else {
        memcpy(&x, (const char *)data + (size_t)i * (bits / 8), bits / 8);
    }
    uint64_t sign = (uint64_t)1 << (bits - 1), magnitude = x & (sign - 1);
    return x & sign ? sign - magnitude : sign + magnitude;
}

typedef struct element_error {
    double abs, rel, ulp, wrongness;
    bool ok;
} element_error;

static element_error float_error(const tn_tensor *found, const tn_tensor *wanted, int64_t i, const cli_tolerance *t) {
    tn_dtype d = tn_tensor_get_dtype(found);
    const void *fd = tn_tensor_get_data(found), *wd = tn_tensor_get_data(wanted);
    double f = tn__load_f64(d, fd, i), w = tn__load_f64(d, wd, i);
    if (f == w || (isnan(f) && isnan(w))) return (element_error){.ok = true};
    if (!isfinite(f) || !isfinite(w)) return (element_error){INFINITY, INFINITY, INFINITY, INFINITY, false};
    element_error e = {.abs = fabs(f - w)};
    e.rel = w != 0 ? e.abs / fabs(w) : INFINITY;
    uint64_t a = ordered_bits(d, fd, i), b = ordered_bits(d, wd, i);
    e.ulp = (double)(a > b ? a - b : b - a);
    double bound = t->atol + t->rtol * fabs(w);
    double by_bound = bound > 0 ? e.abs / bound : INFINITY;
    double by_ulp = t->ulp < 0 ? INFINITY : e.ulp / ((double)t->ulp + (t->ulp == 0));
    if (t->ulp == 0) by_ulp = INFINITY; /* f != w */
    e.ok = (bound > 0 && e.abs <= bound) || (t->ulp > 0 && e.ulp <= (double)t->ulp);
    e.wrongness = by_bound < by_ulp ? by_bound : by_ulp;
    return e;
}

static element_error integer_error(const tn_tensor *found, const tn_tensor *wanted, int64_t i, const cli_tolerance *t) {
    tn_dtype d = tn_tensor_get_dtype(found);
    int64_t f = tn__load_i64(d, tn_tensor_get_data(found), i), w = tn__load_i64(d, tn_tensor_get_data(wanted), i);
    if (f == w) return (element_error){.ok = true};
    bool is_unsigned = tn__dtype_get_class(d) == TN__CLASS_UINT;
    bool less = is_unsigned ? (uint64_t)f < (uint64_t)w : f < w;
    double magnitude = is_unsigned ? (double)(uint64_t)w : fabs((double)w);
    element_error e = {.abs = (double)(less ? (uint64_t)w - (uint64_t)f : (uint64_t)f - (uint64_t)w)};
    e.rel = magnitude > 0 ? e.abs / magnitude : INFINITY;
    e.ulp = e.abs;
    double bound = t->atol + t->rtol * magnitude;
    e.ok = tn__dtype_get_class(d) != TN__CLASS_BOOL && (e.abs <= bound || (t->ulp > 0 && e.ulp <= (double)t->ulp));
    e.wrongness = bound > 0 ? e.abs / bound : INFINITY;
    return e;
}

static element_error string_error(const tn_tensor *found, const tn_tensor *wanted, int64_t i) {
    if (!strcmp(string_at(found, i), string_at(wanted, i))) return (element_error){.ok = true};
    return (element_error){INFINITY, INFINITY, INFINITY, INFINITY, false};
}

static bool same_dims(const tn_tensor *a, const tn_tensor *b) {
    int32_t rank = tn_tensor_get_rank(a);
    if (rank != tn_tensor_get_rank(b)) return false;
    const int64_t *x = tn_tensor_get_dims(a), *y = tn_tensor_get_dims(b);
    for (int32_t k = 0; k < rank; k++)
        if (x[k] != y[k]) return false;
    return true;
}

void cli_compare(const tn_tensor *found, const tn_tensor *wanted, const cli_tolerance *tolerance, cli_difference *out) {
    *out = (cli_difference){.wrongness = INFINITY};
    tn_dtype d = tn_tensor_get_dtype(wanted);
    char a[200], b[200], c[200];
    if (tn_tensor_get_dtype(found) != d) {
        snprintf(out->reason, sizeof out->reason, "dtype: found %s, wanted %s", tn_dtype_name(tn_tensor_get_dtype(found)),
                 tn_dtype_name(d));
        return;
    }
    if (!same_dims(found, wanted)) {
        snprintf(out->reason, sizeof out->reason, "shape: found %.150s, wanted %.150s",
                 cli_dims_text(tn_tensor_get_rank(found), tn_tensor_get_dims(found), a, sizeof a),
                 cli_dims_text(tn_tensor_get_rank(wanted), tn_tensor_get_dims(wanted), b, sizeof b));
        return;
    }
    out->wrongness = 0;
    out->n_elements = tn_tensor_get_elements(wanted);
    int64_t worst = -1;
    double worst_wrongness = -1;
    for (int64_t i = 0; i < out->n_elements; i++) {
        element_error e = d == TN_DTYPE_string ? string_error(found, wanted, i)
                          : tn__dtype_is_float(d) ? float_error(found, wanted, i, tolerance)
                                                  : integer_error(found, wanted, i, tolerance);
        if (e.abs > out->max_abs) out->max_abs = e.abs;
        if (e.rel > out->max_rel) out->max_rel = e.rel;
        if (e.ulp > out->max_ulp) out->max_ulp = e.ulp;
        if (e.wrongness > out->wrongness) out->wrongness = e.wrongness;
        if (e.ok) continue;
        out->n_wrong++;
        if (e.wrongness > worst_wrongness) {
            worst_wrongness = e.wrongness;
            worst = i;
        }
    }
    out->ok = out->n_wrong == 0;
    if (out->ok) return;
    snprintf(out->reason, sizeof out->reason, "element %.80s: found %.80s, wanted %.80s (%" PRId64 " of %" PRId64 " wrong)",
             cli_index_text(wanted, worst, a, sizeof a), cli_element_text(found, worst, b, sizeof b),
             cli_element_text(wanted, worst, c, sizeof c), out->n_wrong, out->n_elements);
}

tn_error *cli_tolerance_read(tn_context *context, const char *path, cli_tolerance *tolerance) {
    FILE *f = fopen(path, "r");
    if (!f) return errno == ENOENT ? NULL : TN__FAIL(&context->allocator, IO, "%s: %s", path, strerror(errno));
    char line[256];
    tn_error *e = NULL;
    bool bounds = false;
    cli_tolerance t = *tolerance;
    while (!e && fgets(line, sizeof line, f)) {
        char key[32], value[64];
        line[strcspn(line, "#\r\n")] = 0;
        int n = sscanf(line, "%31s %63s", key, value);
        if (n < 1) continue;
        double x;
        if (n != 2 || !cli_parse_real(value, &x) || !(x >= 0))
            e = TN__FAIL(&context->allocator, PARSE, "%s: wanted `rtol X`, `atol X` or `ulp N`, found '%s'", path, line);
        else if (!strcmp(key, "rtol")) t.rtol = x, bounds = true;
        else if (!strcmp(key, "atol")) t.atol = x, bounds = true;
        else if (!strcmp(key, "ulp") && x <= 1e15) t.ulp = (int64_t)x;
        else e = TN__FAIL(&context->allocator, PARSE, "%s: wanted `rtol X`, `atol X` or `ulp N`, found '%s'", path, line);
    }
    fclose(f);
    if (e) return e;
    if (t.ulp >= 0 && !bounds) t.rtol = t.atol = 0; /* only ulps count */
    *tolerance = t;
    return NULL;
}
