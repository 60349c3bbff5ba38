/* Einsum: parsing, shape rule, reference evaluation. */
#include "op/linalg/einsum.h"

#include <inttypes.h>

static int letter(char x) { return x >= 'a' && x <= 'z' ? x - 'a' : x >= 'A' && x <= 'Z' ? x - 'A' + 26 : -1; }

static tn_error *syntax(const tn_allocator *a, const char *equation, const char *at) {
    return TN__FAIL(a, PARSE, "attribute 'equation' is '%.200s': found '%.8s', wanted letters, '...', ',' or '->'", equation, at);
}

/* One term up to ',' , '->' or the end: letters in order, and where the ellipsis stands (-1: none). */
static tn_error *term(const tn_allocator *a, const char *equation, const char **text, uint8_t *letters, int32_t *out_n, int32_t *out_ellipsis) {
    const char *p = *text;
    *out_n = 0;
    *out_ellipsis = -1;
    for (;; p++) {
        if (*p == ' ') continue;
        if (!*p || *p == ',' || *p == '-') break;
        if (*p == '.') {
            if (*out_ellipsis >= 0 || p[1] != '.' || p[2] != '.') return syntax(a, equation, p);
            *out_ellipsis = *out_n;
            p += 2;
            continue;
        }
        if (letter(*p) < 0 || *out_n == TN_MAX_RANK) return syntax(a, equation, p);
        letters[(*out_n)++] = (uint8_t)letter(*p);
    }
    *text = p;
    return NULL;
}

static tn_error *merge_size(const tn_allocator *a, tn__einsum *e, uint32_t k, int32_t axis, uint8_t label, int64_t d) {
    int64_t *size = &e->size[label];
    if (!e->used[label]) *size = d;
    else if (*size == 1) *size = d;
    else if (*size < 0) *size = d >= 0 && d != 1 ? d : *size;
    else if (d >= 0 && d != 1 && d != *size)
        return TN__FAIL(a, SHAPE_MISMATCH, "operand %u: dimension %d is %" PRId64 ", the label's other axes have %" PRId64, k, axis, d, *size);
    e->used[label] = true;
    return NULL;
}

static tn_error *place_labels(const tn_allocator *a, tn__einsum *e, uint32_t k, const tn__type *type, const uint8_t *letters, int32_t n, int32_t ellipsis,
                              int32_t *ellipsis_rank) {
    int32_t extra = type->rank - n;
    if (extra < 0 || (extra > 0 && ellipsis < 0))
        return TN__FAIL(a, SHAPE_MISMATCH, "operand %u: found rank %d, the equation has %d labels%s", k, type->rank, n,
                        ellipsis >= 0 ? " and an ellipsis" : "");
    if (extra > *ellipsis_rank) *ellipsis_rank = extra;
    e->rank[k] = type->rank;
    for (int32_t i = 0; i < type->rank; i++) {
        bool before = ellipsis < 0 || i < ellipsis, inside = !before && i < ellipsis + extra;
        e->label[k][i] = before ? letters[i] : inside ? (uint8_t)(52 + (ellipsis + extra - 1 - i)) : letters[i - extra];
        TN__TRY(merge_size(a, e, k, i, e->label[k][i], type->dims[i]));
    }
    return NULL;
}

tn_error *tn__einsum_parse(const tn_allocator *a, const char *equation, uint32_t n_terms, const tn__type *types, tn__einsum *e) {
    memset(e, 0, sizeof *e);
    if (!equation) return TN__FAIL(a, INVALID_GRAPH, "attribute 'equation' is missing");
    if (n_terms > TN__EINSUM_TERMS) return TN__FAIL(a, UNSUPPORTED, "found %u operands; at most %d are done", n_terms, TN__EINSUM_TERMS);
    e->n_terms = n_terms;
    const char *p = equation;
    uint8_t letters[TN_MAX_RANK];
    int32_t n, ellipsis, ellipsis_rank = 0, times[52] = {0};
    bool any_ellipsis = false, unknown_ellipsis = false;
    for (uint32_t k = 0; k < n_terms; k++) {
        if (k && *p++ != ',')
            return TN__FAIL(a, INVALID_GRAPH, "attribute 'equation' is '%.200s': found %u terms, wanted %u as there are operands", equation, k, n_terms);
        TN__TRY(term(a, equation, &p, letters, &n, &ellipsis));
        any_ellipsis |= ellipsis >= 0;
        for (int32_t i = 0; i < n; i++) times[letters[i]]++;
        e->rank[k] = -1;
        if (types[k].rank >= 0) TN__TRY(place_labels(a, e, k, &types[k], letters, n, ellipsis, &ellipsis_rank));
        else {
            unknown_ellipsis |= ellipsis >= 0;
            for (int32_t i = 0; i < n; i++) TN__TRY(merge_size(a, e, k, i, letters[i], TN_DIM_UNKNOWN));
        }
    }
    bool explicit_out = p[0] == '-' && p[1] == '>';
    if (explicit_out) {
        p += 2;
        TN__TRY(term(a, equation, &p, letters, &n, &ellipsis));
        bool seen[52] = {false};
        for (int32_t i = 0; i < n; i++) {
            if (!times[letters[i]] || seen[letters[i]])
                return TN__FAIL(a, INVALID_GRAPH, "attribute 'equation' is '%.200s': a result label is not in any term, or is there twice", equation);
            seen[letters[i]] = true;
        }
    } else { /* the ellipsis, then labels that occur once, in ASCII order as numpy has it */
        n = 0;
        ellipsis = any_ellipsis ? 0 : -1;
        for (int upper = 1; upper >= 0; upper--)
            for (int i = 0; i < 26; i++)
                if (times[upper * 26 + i] == 1 && n < TN_MAX_RANK) letters[n++] = (uint8_t)(upper * 26 + i);
    }
    if (*p) return syntax(a, equation, p);
    int32_t extra = ellipsis >= 0 ? ellipsis_rank : 0;
    e->out_rank = -1;
    if (ellipsis >= 0 && unknown_ellipsis) return NULL;
    if (n + extra > TN_MAX_RANK) return TN__FAIL(a, LIMIT_EXCEEDED, "the result has rank %d, limit %d", n + extra, TN_MAX_RANK);
    e->out_rank = n + extra;
    for (int32_t i = 0; i < e->out_rank; i++) {
        bool before = ellipsis < 0 || i < ellipsis, inside = !before && i < ellipsis + extra;
        e->out[i] = before ? letters[i] : inside ? (uint8_t)(52 + (ellipsis + extra - 1 - i)) : letters[i - extra];
    }
    return NULL;
}

tn_error *tn__infer_einsum(tn__infer *c) {
    const tn__attrs_einsum *attrs = c->attrs;
    tn__einsum e;
    tn_dtype d = c->types[0].dtype;
    if (tn__dtype_get_class(d) != TN__CLASS_FLOAT && !tn__dtype_is_int(d))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float or integer type", tn_dtype_name(d));
    for (uint32_t k = 1; k < c->n_in; k++)
        if (c->types[k].dtype != d)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand 0", k, tn_dtype_name(c->types[k].dtype),
                                  tn_dtype_name(d));
    TN__TRY(tn__einsum_parse(c->a, attrs->equation, c->n_in, c->types, &e));
    int64_t *dims = e.out_rank >= 0 ? tn__shape_dims(c, e.out_rank) : NULL;
    if (e.out_rank >= 0 && !dims) return tn__error_oom();
    for (int32_t i = 0; i < e.out_rank; i++) dims[i] = e.used[e.out[i]] ? e.size[e.out[i]] : TN_DIM_UNKNOWN;
    tn__shape_set(c, 0, d, e.out_rank, dims);
    return NULL;
}

/* One loop over all labels, those of the result outside; the last label is the inner loop. */
typedef struct {
    int32_t n, n_out;
    int64_t size[TN__EINSUM_LABELS];
    int64_t stride[TN__EINSUM_TERMS][TN__EINSUM_LABELS];
    int64_t summed; /* product of the summed sizes */
} loops;

static void loops_of(const tn__einsum *e, loops *l) {
    int32_t order[TN__EINSUM_LABELS], place[TN__EINSUM_LABELS];
    memset(l, 0, sizeof *l);
    for (int32_t i = 0; i < TN__EINSUM_LABELS; i++) place[i] = -1;
    for (int32_t i = 0; i < e->out_rank; i++) place[e->out[i]] = l->n, order[l->n++] = e->out[i];
    l->n_out = l->n;
    l->summed = 1;
    for (int32_t i = 0; i < TN__EINSUM_LABELS; i++)
        if (e->used[i] && place[i] < 0) place[i] = l->n, order[l->n++] = i;
    for (int32_t i = 0; i < l->n; i++) l->size[i] = e->size[order[i]];
    for (int32_t i = l->n_out; i < l->n; i++)
        if (!tn__mul_i64(l->summed, l->size[i], &l->summed)) l->summed = INT64_MAX;
}

static void strides_of(const tn__einsum *e, uint32_t k, const tn_tensor *t, loops *l) {
    int64_t strides[TN_MAX_RANK];
    int32_t place[TN__EINSUM_LABELS], n = 0;
    for (int32_t i = 0; i < TN__EINSUM_LABELS; i++) place[i] = -1;
    for (int32_t i = 0; i < e->out_rank; i++) place[e->out[i]] = n++;
    for (int32_t i = 0; i < TN__EINSUM_LABELS; i++)
        if (e->used[i] && place[i] < 0) place[i] = n++;
    tn__strides(t->rank, t->dims, strides);
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] != 1) l->stride[k][place[e->label[k][i]]] += strides[i]; /* a label twice in a term is the diagonal */
}

#define CONTRACT(name, type, put)                                                                                                    \
    static void name(const tn__einsum *e, const loops *l, type *const *x, tn_tensor *out) {                                           \
        int64_t index[TN__EINSUM_LABELS] = {0}, summed[TN__EINSUM_LABELS] = {0};                                                      \
        int32_t n_sum = l->n - l->n_out, last = l->n - 1;                                                                             \
        int64_t inner = n_sum ? l->size[last] : 1, outer = inner ? l->summed / inner : 0;                                             \
        for (int64_t o = 0; o < out->elements; o++) {                                                                                 \
            type sum = 0;                                                                                                             \
            memset(summed, 0, sizeof summed);                                                                                         \
            for (int64_t s = 0; s < outer; s++) {                                                                                     \
                const type *p[TN__EINSUM_TERMS];                                                                                      \
                int64_t step[TN__EINSUM_TERMS];                                                                                       \
                for (uint32_t k = 0; k < e->n_terms; k++) {                                                                           \
                    int64_t offset = 0;                                                                                               \
                    for (int32_t i = 0; i < l->n_out; i++) offset += index[i] * l->stride[k][i];                                      \
                    for (int32_t i = 0; i < n_sum - 1; i++) offset += summed[i] * l->stride[k][l->n_out + i];                         \
                    p[k] = x[k] + offset;                                                                                             \
                    step[k] = n_sum ? l->stride[k][last] : 0;                                                                         \
                }                                                                                                                     \
                if (e->n_terms == 2)                                                                                                  \
                    for (int64_t j = 0; j < inner; j++) sum += p[0][j * step[0]] * p[1][j * step[1]];                                 \
                else                                                                                                                  \
                    for (int64_t j = 0; j < inner; j++) {                                                                             \
                        type product = 1;                                                                                             \
                        for (uint32_t k = 0; k < e->n_terms; k++) product *= p[k][j * step[k]];                                       \
                        sum += product;                                                                                               \
                    }                                                                                                                 \
                tn__next_index(n_sum - 1, l->size + l->n_out, summed);                                                                \
            }                                                                                                                         \
            put;                                                                                                                      \
            tn__next_index(l->n_out, l->size, index);                                                                                 \
        }                                                                                                                             \
    }
CONTRACT(contract_f64, double, tn__store_f64(out->dtype, out->data, o, sum))
CONTRACT(contract_u64, uint64_t, tn__store_i64(out->dtype, out->data, o, (int64_t)sum))

tn_error *tn__eval_einsum(tn__eval *c) {
    const tn__attrs_einsum *attrs = c->attrs;
    tn__type types[TN__EINSUM_TERMS];
    tn__einsum e;
    loops l;
    for (uint32_t k = 0; k < c->n_in && k < TN__EINSUM_TERMS; k++) types[k] = (tn__type){c->in[k]->dtype, c->in[k]->rank, c->in[k]->dims};
    TN__TRY(tn__einsum_parse(c->a, attrs->equation, c->n_in, types, &e));
    loops_of(&e, &l);
    if (l.summed == INT64_MAX) return TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "einsum '%.200s' sums over more than 2^63 products", attrs->equation);
    bool is_int = tn__dtype_is_int(c->in[0]->dtype), ok = true;
    double *x[TN__EINSUM_TERMS] = {0};
    uint64_t *y[TN__EINSUM_TERMS] = {0};
    for (uint32_t k = 0; k < c->n_in; k++) {
        const tn_tensor *t = c->in[k];
        strides_of(&e, k, t, &l);
        if (!is_int) ok &= (x[k] = tn__eval_load_f64(c, t)) != NULL;
        else {
            ok &= (y[k] = tn__alloc(c->a, (size_t)t->elements * sizeof *y[k])) != NULL;
            for (int64_t i = 0; y[k] && i < t->elements; i++) y[k][i] = (uint64_t)tn__load_i64(t->dtype, t->data, i);
        }
    }
    if (ok && is_int) contract_u64(&e, &l, y, c->out[0]);
    else if (ok) contract_f64(&e, &l, x, c->out[0]);
    for (uint32_t k = 0; k < c->n_in; k++) {
        tn__eval_free_f64(c, x[k], c->in[k]->elements);
        tn__free(c->a, y[k], (size_t)c->in[k]->elements * sizeof *y[k]);
    }
    return ok ? NULL : tn__error_oom();
}
