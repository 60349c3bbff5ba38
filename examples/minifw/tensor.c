/* Tensors: shapes, memory, reference counts, fixed-seed random values. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minifw.h"

fw *fw_create(void) { return calloc(1, sizeof(fw)); }

void fw_destroy(fw *f) {
    if (!f) return;
    f->recorder = NULL; /* nothing reads these results any more */
    fw_step_end(f);
    free(f->nodes);
    free(f);
}

const char *fw_error(const fw *f) { return f->error[0] ? f->error : NULL; }
void fw_clear_error(fw *f) { f->error[0] = 0; }

void fw_fail(fw *f, const char *format, ...) {
    if (f->error[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(f->error, sizeof f->error, format, args);
    va_end(args);
}

fw_shape fw_shape_of(fw_dtype dtype, int rank, const int64_t *dims) {
    fw_shape shape = {dtype, rank, {0}};
    for (int i = 0; i < rank && i < FW_MAX_RANK; i++) shape.dims[i] = dims[i];
    return shape;
}

bool fw_shape_equal(const fw_shape *a, const fw_shape *b) {
    return a->dtype == b->dtype && a->rank == b->rank && !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]);
}

static size_t element_bytes(fw_dtype dtype) { return dtype == FW_I64 ? sizeof(int64_t) : sizeof(float); }

fw_tensor *fw__tensor_declare(fw *f, fw_shape shape) {
    int64_t n = 1;
    bool fits = shape.rank >= 0 && shape.rank <= FW_MAX_RANK;
    for (int i = 0; fits && i < shape.rank; i++)
        fits = shape.dims[i] > 0 && !__builtin_mul_overflow(n, shape.dims[i], &n) && n <= INT64_MAX / 16;
    if (!fits) return fw_fail(f, "a tensor has at most %d dimensions, each at least 1", FW_MAX_RANK), NULL;
    fw_tensor *t = calloc(1, sizeof *t);
    if (!t) return fw_fail(f, "out of memory"), NULL;
    t->shape = shape;
    t->n_elements = n;
    t->refs = 1;
    return t;
}

bool fw_alloc(fw *f, fw_tensor *t) {
    if (!t->data) t->data = malloc((size_t)t->n_elements * element_bytes(t->shape.dtype));
    if (!t->data) fw_fail(f, "out of memory");
    return t->data != NULL;
}

fw_tensor *fw_tensor_create(fw *f, fw_shape shape, const void *values) {
    fw_tensor *t = fw_error(f) ? NULL : fw__tensor_declare(f, shape);
    if (t && !fw_alloc(f, t)) fw_release(t), t = NULL;
    if (!t) return NULL;
    size_t bytes = (size_t)t->n_elements * element_bytes(shape.dtype);
    if (values)
        memcpy(t->data, values, bytes);
    else
        memset(t->data, 0, bytes);
    return t;
}

fw_tensor *fw_tensor_constant(fw *f, fw_shape shape, const void *values) {
    fw_tensor *t = fw_tensor_create(f, shape, values);
    if (t) t->constant = true;
    return t;
}

uint64_t fw_random(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double uniform(uint64_t *seed) { return ((double)(fw_random(seed) >> 11) + 0.5) / 9007199254740992.0; }

fw_tensor *fw_tensor_normal(fw *f, fw_shape shape, float deviation, uint64_t *seed) {
    fw_tensor *t = fw_tensor_create(f, shape, NULL);
    if (!t) return NULL;
    for (int64_t i = 0; i < t->n_elements; i++) { /* Box and Muller */
        double radius = sqrt(-2 * log(uniform(seed))), angle = 6.283185307179586 * uniform(seed);
        ((float *)t->data)[i] = deviation * (float)(radius * cos(angle));
    }
    t->needs_grad = true;
    return t;
}

fw_tensor *fw_retain(fw_tensor *t) {
    if (t) t->refs++;
    return t;
}

void fw_release(fw_tensor *t) {
    if (!t || --t->refs) return;
    free(t->data);
    free(t);
}

bool fw_is_kept(const fw_tensor *t) { return t->refs > t->step_refs; }
