#include "frontend/onnx/tensor_proto.h"

#include <inttypes.h>

#include "base/os.h"
#include "rt/strided.h"
#include "tenon/onnx.h"

/* ---- mappings ------------------------------------------------------------------------------------------------ */

static tn_error *mapping_new(tn_context *context, const char *folder, const char *path, tn__mapping **out_mapping) {
    const tn_allocator *a = &context->allocator;
    *out_mapping = NULL;
    tn__mapping *m = tn__alloc_zero(a, sizeof *m);
    if (!m) return tn__error_oom();
    tn_error *e = folder ? tn__os_map_below(a, folder, path, context->limits.max_bytes, &m->data, &m->bytes)
                         : tn__os_map_file(a, path, context->limits.max_bytes, &m->data, &m->bytes);
    if (e) {
        tn__free(a, m, sizeof *m);
        return e;
    }
    atomic_init(&m->references, 1);
    m->context = context;
    tn_context_retain(context);
    *out_mapping = m;
    return NULL;
}

tn_error *tn__mapping_create(tn_context *context, const char *path, tn__mapping **out_mapping) {
    return mapping_new(context, NULL, path, out_mapping);
}

void tn__mapping_release(tn__mapping *m) {
    if (!m || atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1) return;
    tn_context *c = m->context;
    tn__os_unmap(m->data, m->bytes);
    tn__free(&c->allocator, m, sizeof *m);
    tn_context_release(c);
}

static void release_mapping(void *self, void *data) {
    (void)data;
    tn__mapping_release(self);
}

void tn__tensor_source_deinit(tn__tensor_source *s) {
    for (size_t i = 0; i < s->n_external; i++) tn__mapping_release(s->external[i].mapping);
    tn__free(&s->context->allocator, s->external, s->external_capacity * sizeof *s->external);
    tn__mapping_release(s->mapping);
    *s = (tn__tensor_source){.context = s->context};
}

static tn_error *find_external(tn__tensor_source *s, const char *location, tn__mapping **out) {
    for (size_t i = 0; i < s->n_external; i++)
        if (!strcmp(s->external[i].location, location)) {
            *out = s->external[i].mapping;
            return NULL;
        }
    if (s->n_external == s->external_capacity &&
        !tn__vec_grow(&s->context->allocator, (void **)&s->external, &s->external_capacity, s->n_external + 1, sizeof *s->external))
        return tn__error_oom();
    TN__TRY(mapping_new(s->context, s->folder, location, out));
    s->external[s->n_external++] = (struct tn__external){location, *out};
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* Reading a little beyond a tensor must stay inside the mapping, so the last tensors of a file are copied; large ones that are to be copied
 * only when somebody reads them. */
enum { TAIL = 64, LARGE = 64 << 10 };

static tn_error *from_bytes(tn__tensor_source *s, tn__mapping *mapping, tn_dtype dtype, int32_t rank, const int64_t *dims,
                            tn__wire_span raw, tn_tensor **out) {
    size_t align = tn_dtype_bits(dtype) / 8;
    const uint8_t *end = mapping && mapping->data ? (const uint8_t *)mapping->data + mapping->bytes : NULL;
    /* bool is copied: only 0 and 1 may come in */
    if (end && raw.bytes && (align < 2 || (uintptr_t)raw.data % align == 0) && dtype != TN_DTYPE_bool &&
        (size_t)(end - raw.data) >= raw.bytes + TAIL) {
        TN__TRY(tn_tensor_create_borrowed(s->context, dtype, rank, dims, (void *)raw.data, raw.bytes, release_mapping, mapping, out));
        atomic_fetch_add_explicit(&mapping->references, 1, memory_order_relaxed);
        (*out)->of_file = (*out)->read_only = true;
        return NULL;
    }
    if (end && raw.bytes >= LARGE && dtype != TN_DTYPE_bool) {
        TN__TRY(tn__tensor_create_loose(s->context, dtype, rank, dims, raw.data, release_mapping, mapping, out));
        atomic_fetch_add_explicit(&mapping->references, 1, memory_order_relaxed);
        (*out)->of_file = true;
        return NULL;
    }
    TN__TRY(tn__tensor_create_uninitialised(s->context, dtype, rank, dims, out));
    if (raw.bytes) memcpy((*out)->data, raw.data, raw.bytes);
    if (dtype == TN_DTYPE_bool)
        for (size_t i = 0; i < raw.bytes; i++) ((uint8_t *)(*out)->data)[i] = raw.data[i] != 0;
    return NULL;
}

static bool decimal(const char *text, uint64_t *out) {
    uint64_t v = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (unsigned)(*text - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

static tn_error *from_external(tn__tensor_source *s, const tn__onnx_tensor *p, tn_dtype dtype, int32_t rank,
                               const int64_t *dims, size_t wanted, tn_tensor **out) {
    const tn_allocator *a = &s->context->allocator;
    const char *location = NULL;
    uint64_t offset = 0, length = wanted;
    for (uint32_t i = 0; i < p->external_data.n; i++) {
        const tn__onnx_entry *x = &p->external_data.data[i];
        uint64_t *number = !strcmp(x->key, "offset") ? &offset : !strcmp(x->key, "length") ? &length : NULL;
        if (!strcmp(x->key, "location")) location = x->value;
        else if (number && !decimal(x->value, number))
            return TN__FAIL(a, PARSE, "external data: %s is '%.40s', wanted a number", x->key, x->value);
    }
    if (!location) return TN__FAIL(a, PARSE, "external data without a location");
    if (!s->folder) return TN__FAIL(a, UNSUPPORTED, "external data '%.200s': only a model loaded from a file has such", location);
    if (length != wanted)
        return TN__FAIL(a, SHAPE_MISMATCH, "external data: length %" PRIu64 ", shape and dtype want %zu bytes", length, wanted);
    tn__mapping *m = NULL;
    TN__TRY(find_external(s, location, &m));
    if (offset > m->bytes || length > m->bytes - offset)
        return TN__FAIL(a, OUT_OF_RANGE, "external data '%.200s': offset %" PRIu64 " and length %" PRIu64 ", the file has %zu bytes",
                        location, offset, length, m->bytes);
    tn__wire_span raw = {length ? (const uint8_t *)m->data + offset : NULL, (size_t)length};
    return from_bytes(s, m, dtype, rank, dims, raw, out);
}

/* int32_data: one element per entry, or for sub-byte types as many as a byte packs. Narrow floats come as bit patterns. */
static tn_error *fill_int32(const tn_allocator *a, const tn__wire_list *list, tn_tensor *t) {
    uint32_t bits = tn_dtype_bits(t->dtype), unit = bits < 8 ? 8 : bits;
    int64_t low = -((int64_t)1 << (unit - 1)), high = ((int64_t)1 << unit) - 1;
    tn__wire_cursor c = {.list = list};
    for (uint64_t i = 0; i < list->n; i++) {
        int64_t v = tn__wire_next_int(&c);
        if (unit == 32) v = (int32_t)(uint32_t)(uint64_t)v; /* negative entries come as 5 or as 10 bytes */
        else if (v < low || v > high)
            return TN__FAIL(a, OUT_OF_RANGE, "int32_data: entry %" PRIu64 " is %" PRId64 ", which no %s holds", i, v, tn_dtype_name(t->dtype));
        if (t->dtype == TN_DTYPE_bool) ((uint8_t *)t->data)[i] = v != 0;
        else if (unit == 8) ((uint8_t *)t->data)[i] = (uint8_t)v;
        else if (unit == 16) ((uint16_t *)t->data)[i] = (uint16_t)v;
        else ((int32_t *)t->data)[i] = (int32_t)v;
    }
    return NULL;
}

static tn_error *fill_typed(const tn_allocator *a, const tn__onnx_tensor *p, tn_tensor *t) {
    const tn__wire_list *list = NULL;
    uint64_t wanted = (uint64_t)t->elements, found;
    switch (t->dtype) {
    case TN_DTYPE_f32: list = &p->float_data; break;
    case TN_DTYPE_f64: list = &p->double_data; break;
    case TN_DTYPE_i64: list = &p->int64_data; break;
    case TN_DTYPE_u64:
    case TN_DTYPE_u32: list = &p->uint64_data; break;
    case TN_DTYPE_string: break;
    default:
        list = &p->int32_data;
        if (tn_dtype_bits(t->dtype) < 8) wanted = t->bytes;
    }
    found = list ? list->n : p->string_data.n;
    if (found != wanted)
        return TN__FAIL(a, SHAPE_MISMATCH, "%" PRIu64 " entries of data, the shape wants %" PRIu64, found, wanted);
    tn__wire_cursor c = {.list = list};
    switch (t->dtype) {
    case TN_DTYPE_f32:
        for (uint64_t i = 0; i < found; i++) ((float *)t->data)[i] = tn__wire_next_float(&c);
        return NULL;
    case TN_DTYPE_f64:
        for (uint64_t i = 0; i < found; i++) ((double *)t->data)[i] = tn__wire_next_double(&c);
        return NULL;
    case TN_DTYPE_i64:
    case TN_DTYPE_u64:
        for (uint64_t i = 0; i < found; i++) ((int64_t *)t->data)[i] = tn__wire_next_int(&c);
        return NULL;
    case TN_DTYPE_u32:
        for (uint64_t i = 0; i < found; i++) {
            uint64_t v = (uint64_t)tn__wire_next_int(&c);
            if (v > UINT32_MAX) return TN__FAIL(a, OUT_OF_RANGE, "uint64_data: entry %" PRIu64 " is %" PRIu64 ", which no u32 holds", i, v);
            ((uint32_t *)t->data)[i] = (uint32_t)v;
        }
        return NULL;
    case TN_DTYPE_string:
        for (uint64_t i = 0; i < found; i++)
            if (!(((char **)t->data)[i] = tn__strdup(a, p->string_data.data[i]))) return tn__error_oom();
        return NULL;
    default: return fill_int32(a, list, t);
    }
}

static tn_error *from_proto(tn__tensor_source *s, const tn__onnx_tensor *p, tn_tensor **out) {
    const tn_allocator *a = &s->context->allocator;
    tn_dtype dtype = tn__dtype_from_onnx(p->data_type);
    if (!dtype) return TN__FAIL(a, UNSUPPORTED, "data type %" PRId64, p->data_type);
    if (TN__HAS(p, tensor, segment)) return TN__FAIL(a, UNSUPPORTED, "data in segments");
    if (p->dims.n > s->context->limits.max_rank)
        return TN__FAIL(a, LIMIT_EXCEEDED, "rank %" PRIu64 ", limit %u", p->dims.n, s->context->limits.max_rank);
    int64_t dims[TN_MAX_RANK] = {0}, elements;
    int32_t rank = (int32_t)p->dims.n;
    tn__wire_cursor c = {.list = &p->dims};
    for (int32_t i = 0; i < rank; i++) dims[i] = tn__wire_next_int(&c);
    TN__TRY(tn__elements(s->context, "tensor", rank, dims, &elements));
    size_t wanted = tn__dtype_bytes(dtype, elements);
    if (p->data_location == 1 || p->external_data.n) {
        if (dtype == TN_DTYPE_string) return TN__FAIL(a, PARSE, "strings in external data");
        return from_external(s, p, dtype, rank, dims, wanted, out);
    }
    if (p->data_location) return TN__FAIL(a, PARSE, "data_location is %" PRId64, p->data_location);
    if (TN__HAS(p, tensor, raw_data) && (p->raw_data.bytes || !elements)) {
        if (dtype == TN_DTYPE_string) return TN__FAIL(a, PARSE, "strings in raw_data");
        if (p->raw_data.bytes != wanted)
            return TN__FAIL(a, SHAPE_MISMATCH, "raw_data has %zu bytes, shape and dtype want %zu", p->raw_data.bytes, wanted);
        return from_bytes(s, s->mapping, dtype, rank, dims, p->raw_data, out);
    }
    /* an entry takes at least one byte of the file: a shape with far more elements than that fails before memory is taken */
    uint64_t n = p->float_data.n + p->int32_data.n + p->int64_data.n + p->double_data.n + p->uint64_data.n + p->string_data.n;
    if (n < (tn_dtype_bits(dtype) < 8 ? wanted : (uint64_t)elements))
        return TN__FAIL(a, SHAPE_MISMATCH, "%" PRIu64 " entries of data, the shape wants %" PRId64, n, elements);
    TN__TRY(tn__tensor_create_uninitialised(s->context, dtype, rank, dims, out));
    tn_error *e = fill_typed(a, p, *out);
    if (e) {
        tn_tensor_release(*out);
        *out = NULL;
    }
    return e;
}

tn_error *tn__tensor_from_proto(tn__tensor_source *s, const tn__onnx_tensor *p, tn_tensor **out_tensor) {
    *out_tensor = NULL;
    return tn__error_prefix(from_proto(s, p, out_tensor), "tensor '%.200s'", p->name);
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

tn_error *tn__tensor_to_proto(tn__wire_out *o, const tn_tensor *t, const char *name) {
    const tn_allocator *a = o->allocator;
    if (t->bytes > INT32_MAX)
        return TN__FAIL(a, UNSUPPORTED, "tensor '%.200s': %zu bytes, a file holds at most 2 GiB", name ? name : "", t->bytes);
    for (int32_t i = 0; i < t->rank; i++) tn__wire_put_int(o, 1, t->dims[i]);
    tn__wire_put_int(o, 2, tn__dtype_to_onnx(t->dtype));
    if (t->dtype == TN_DTYPE_string)
        for (int64_t i = 0; i < t->elements; i++) {
            const char *text = ((char **)t->data)[i];
            tn__wire_put_text(o, 6, text ? text : "");
        }
    if (name) tn__wire_put_text(o, 8, name);
    if (t->dtype != TN_DTYPE_string) tn__wire_put_bytes(o, 9, tn__tensor_bytes(t), t->bytes);
    return o->failed ? tn__error_oom() : NULL;
}

tn_error *tn_onnx_load_tensor(tn_context *context, const char *path, tn_tensor **out_tensor) {
    if (!path || !out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_onnx_load_tensor: NULL argument");
    *out_tensor = NULL;
    TN__HANDLE(context, CONTEXT);
    const tn_allocator *a = &context->allocator;
    tn__mapping *file;
    TN__TRY(tn__mapping_create(context, path, &file));
    tn__arena arena;
    tn__arena_init(&arena, a);
    const void *proto;
    /* without a mapping in the source the data is copied: the caller may write to the tensor */
    tn__tensor_source s = {.context = context};
    tn_error *e = tn__wire_read(context, &arena, &tn__onnx_tensor_message, file->data, file->bytes, 8, &proto);
    if (!e) e = tn__tensor_from_proto(&s, proto, out_tensor);
    tn__arena_deinit(&arena);
    tn__mapping_release(file);
    return tn__error_prefix(e, "'%.200s'", path);
}

tn_error *tn_onnx_save_tensor(const tn_tensor *tensor, const char *path) {
    TN__HANDLE(tensor, TENSOR);
    if (!path) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_onnx_save_tensor: path is NULL");
    const tn_allocator *a = &tensor->context->allocator;
    tn__wire_out o;
    tn_tensor *plain;
    TN__TRY(tn__tensor_make_plain(tensor, &plain));
    tn__wire_out_init(&o, a);
    tn_error *e = tn__tensor_to_proto(&o, plain, NULL);
    if (!e) e = tn__os_write_file(a, path, &(tn__os_span){o.data, o.bytes}, 1);
    tn__wire_out_deinit(&o);
    tn_tensor_release(plain);
    return e;
}
