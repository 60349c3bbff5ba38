#include "frontend/onnx/wire.h"

#include <inttypes.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct reader {
    const tn_context *context;
    tn__arena *arena;
    const uint8_t *begin; /* of the whole input, for positions in messages */
    size_t budget;        /* most bytes the decoded form may take */
} reader;

typedef struct item {
    uint32_t number, wire;
    uint64_t value;        /* varint, or the bits of a fixed number */
    tn__wire_span payload; /* the value's own bytes */
} item;

static bool read_varint(const uint8_t **p, const uint8_t *end, uint64_t *out) {
    uint64_t v = 0;
    const uint8_t *q = *p;
    for (uint32_t shift = 0; shift < 70; shift += 7) {
        if (q == end) return false;
        uint8_t b = *q++;
        if (shift < 64) v |= (uint64_t)(b & 127) << shift;
        if (!(b & 128)) {
            *p = q;
            *out = v;
            return true;
        }
    }
    return false;
}

#define WIRE_FAIL(r, at, m, ...) \
    tn__error_prefix(TN__FAIL(&(r)->context->allocator, PARSE, __VA_ARGS__), "%s at byte %zu", (m)->name, (size_t)((at) - (r)->begin))

static tn_error *read_item(reader *r, const tn__wire_message *m, const uint8_t **p, const uint8_t *end, item *out) {
    const uint8_t *at = *p;
    uint64_t tag, n = 0;
    if (!read_varint(p, end, &tag)) return WIRE_FAIL(r, at, m, "truncated or overlong field tag");
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return WIRE_FAIL(r, at, m, "field number %" PRIu64 " is invalid", tag >> 3);
    *out = (item){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7)};
    const uint8_t *value = *p;
    switch (out->wire) {
    case WIRE_VARINT:
        if (!read_varint(p, end, &out->value)) return WIRE_FAIL(r, at, m, "field %u: truncated or overlong varint", out->number);
        out->payload = (tn__wire_span){value, (size_t)(*p - value)};
        return NULL;
    case WIRE_BYTES:
        if (!read_varint(p, end, &n)) return WIRE_FAIL(r, at, m, "field %u: truncated or overlong length", out->number);
        value = *p;
        break;
    case WIRE_32: n = 4; break;
    case WIRE_64: n = 8; break;
    default: return WIRE_FAIL(r, at, m, "field %u: wire type %u is not allowed", out->number, out->wire);
    }
    if (n > (size_t)(end - value))
        return WIRE_FAIL(r, at, m, "field %u: wants %" PRIu64 " bytes, %zu are left", out->number, n, (size_t)(end - value));
    if (out->wire != WIRE_BYTES) memcpy(&out->value, value, (size_t)n); /* little-endian host */
    out->payload = (tn__wire_span){value, (size_t)n};
    *p = value + n;
    return NULL;
}

static const tn__wire_field *find_field(const tn__wire_message *m, uint32_t number) {
    for (uint32_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].number == number) return &m->fields[i];
    return NULL;
}

static tn_error *take(reader *r, size_t n, size_t element_bytes, void **out) {
    *out = tn__arena_array(r->arena, n, element_bytes);
    if (!*out) return tn__error_oom();
    if (r->arena->total_bytes > r->budget)
        return TN__FAIL(&r->context->allocator, LIMIT_EXCEEDED, "the file's decoded form takes over %zu bytes", r->budget);
    return NULL;
}

/* Elements of a packed payload; the last varint must end with it. */
static tn_error *count_packed(reader *r, const tn__wire_message *m, const tn__wire_field *f, tn__wire_span s, uint64_t *out) {
    size_t width = f->kind == TN__WIRE_FLOATS ? 4 : 8, run = 0;
    if (f->kind != TN__WIRE_INTS) {
        if (s.bytes % width) return WIRE_FAIL(r, s.data, m, "%s: packed %zu bytes are no multiple of %zu", f->name, s.bytes, width);
        *out += s.bytes / width;
        return NULL;
    }
    for (size_t i = 0; i < s.bytes; i++) {
        if (++run > 10) return WIRE_FAIL(r, s.data + i, m, "%s: overlong packed varint", f->name);
        if (!(s.data[i] & 128)) {
            ++*out;
            run = 0;
        }
    }
    return run ? WIRE_FAIL(r, s.data, m, "%s: truncated packed varint", f->name) : NULL;
}

static bool wire_fits(tn__wire_kind kind, uint32_t wire) {
    switch (kind) {
    case TN__WIRE_INT: return wire == WIRE_VARINT;
    case TN__WIRE_FLOAT: return wire == WIRE_32;
    case TN__WIRE_INTS: return wire == WIRE_VARINT || wire == WIRE_BYTES;
    case TN__WIRE_FLOATS: return wire == WIRE_32 || wire == WIRE_BYTES;
    case TN__WIRE_DOUBLES: return wire == WIRE_64 || wire == WIRE_BYTES;
    default: return wire == WIRE_BYTES;
    }
}

static tn_error *read_text(reader *r, const tn__wire_message *m, const tn__wire_field *f, tn__wire_span s, const char **out) {
    void *copy;
    if (s.bytes && memchr(s.data, 0, s.bytes)) return WIRE_FAIL(r, s.data, m, "%s: a text with a zero byte", f->name);
    TN__TRY(take(r, s.bytes + 1, 1, &copy));
    if (s.bytes) memcpy(copy, s.data, s.bytes);
    *out = copy;
    return NULL;
}

#define AT(type, base, f) (*(type *)((char *)(base) + (f)->offset))

static tn_error *read_message(reader *r, const tn__wire_message *m, tn__wire_span in, uint32_t depth, void *out);

static tn_error *store_item(reader *r, const tn__wire_message *m, const tn__wire_field *f, const item *it, uint32_t depth,
                            uint32_t *cursor, void *out) {
    switch (f->kind) {
    case TN__WIRE_INT: AT(int64_t, out, f) = (int64_t)it->value; return NULL;
    case TN__WIRE_FLOAT: {
        float x;
        memcpy(&x, it->payload.data, sizeof x);
        AT(double, out, f) = x;
        return NULL;
    }
    case TN__WIRE_TEXT: return read_text(r, m, f, it->payload, &AT(const char *, out, f));
    case TN__WIRE_BYTES: AT(tn__wire_span, out, f) = it->payload; return NULL;
    case TN__WIRE_INTS:
    case TN__WIRE_FLOATS:
    case TN__WIRE_DOUBLES: ((tn__wire_span *)AT(tn__wire_list, out, f).spans)[(*cursor)++] = it->payload; return NULL;
    case TN__WIRE_TEXTS: return read_text(r, m, f, it->payload, (const char **)&AT(tn__wire_texts, out, f).data[(*cursor)++]);
    case TN__WIRE_CHILD: {
        void *child;
        if (AT(const void *, out, f)) return WIRE_FAIL(r, it->payload.data, m, "%s is there twice", f->name);
        TN__TRY(take(r, 1, f->child->bytes, &child));
        AT(const void *, out, f) = child;
        return read_message(r, f->child, it->payload, depth, child);
    }
    case TN__WIRE_CHILDREN: {
        char *children = (char *)AT(tn__wire_children, out, f).data;
        return read_message(r, f->child, it->payload, depth, children + (size_t)(*cursor)++ * f->child->bytes);
    }
    }
    return NULL;
}

/* Two walks over the fields: the first counts and allocates, the second stores. Nested messages are skipped by the first, so the
 * whole costs two steps per field. */
static tn_error *read_message(reader *r, const tn__wire_message *m, tn__wire_span in, uint32_t depth, void *out) {
    if (!depth) return WIRE_FAIL(r, in.data, m, "messages are nested too deeply (limit max_depth)");
    uint32_t count[TN__WIRE_MAX_FIELDS] = {0}, *has = out;
    uint64_t elements[TN__WIRE_MAX_FIELDS] = {0};
    const uint8_t *end = in.data + in.bytes;
    item it;
    for (const uint8_t *p = in.data; p != end;) {
        const uint8_t *at = p;
        TN__TRY(read_item(r, m, &p, end, &it));
        const tn__wire_field *f = find_field(m, it.number);
        if (!f) continue;
        if (!wire_fits(f->kind, it.wire)) return WIRE_FAIL(r, at, m, "%s: wire type %u does not fit", f->name, it.wire);
        uint32_t i = (uint32_t)(f - m->fields);
        if (count[i]++ == UINT32_MAX / 2) return WIRE_FAIL(r, at, m, "%s: too many", f->name);
        if (f->kind >= TN__WIRE_INTS && f->kind <= TN__WIRE_DOUBLES) {
            if (it.wire == WIRE_BYTES) TN__TRY(count_packed(r, m, f, it.payload, &elements[i]));
            else elements[i]++;
        }
    }
    for (uint32_t i = 0; i < m->n_fields; i++) {
        const tn__wire_field *f = &m->fields[i];
        void *room = NULL;
        if (count[i]) *has |= 1u << i;
        if (f->kind == TN__WIRE_TEXT) AT(const char *, out, f) = "";
        if (!count[i]) continue;
        if (f->kind >= TN__WIRE_INTS && f->kind <= TN__WIRE_DOUBLES) {
            TN__TRY(take(r, count[i], sizeof(tn__wire_span), &room));
            AT(tn__wire_list, out, f) = (tn__wire_list){elements[i], count[i], room};
        } else if (f->kind == TN__WIRE_TEXTS) {
            TN__TRY(take(r, count[i], sizeof(char *), &room));
            AT(tn__wire_texts, out, f) = (tn__wire_texts){count[i], room};
        } else if (f->kind == TN__WIRE_CHILDREN) {
            TN__TRY(take(r, count[i], f->child->bytes, &room));
            AT(tn__wire_children, out, f) = (tn__wire_children){count[i], room};
        }
    }
    uint32_t cursor[TN__WIRE_MAX_FIELDS] = {0};
    for (const uint8_t *p = in.data; p != end;) {
        TN__TRY(read_item(r, m, &p, end, &it));
        const tn__wire_field *f = find_field(m, it.number);
        if (f) TN__TRY(store_item(r, m, f, &it, depth - 1, &cursor[f - m->fields], out));
    }
    return NULL;
}

tn_error *tn__wire_read(const tn_context *context, tn__arena *arena, const tn__wire_message *message, const void *data,
                        size_t bytes, uint32_t max_depth, const void **out_struct) {
    *out_struct = NULL;
    static const uint8_t nothing[1];
    const uint8_t *begin = data ? data : nothing;
    /* a two-byte child decodes to a struct of 100 to 200 bytes: real files stay far below 16 times their size */
    size_t budget;
    if (!tn__mul(bytes, 16, &budget) || !tn__add(budget, arena->total_bytes + ((size_t)64 << 20), &budget)) budget = SIZE_MAX;
    reader r = {context, arena, begin, budget};
    void *out;
    TN__TRY(take(&r, 1, message->bytes, &out));
    TN__TRY(read_message(&r, message, (tn__wire_span){begin, data ? bytes : 0}, max_depth, out));
    *out_struct = out;
    return NULL;
}

/* ---- lists --------------------------------------------------------------------------------------------------- */

static const uint8_t *advance(tn__wire_cursor *c) {
    while (c->span < c->list->n_spans && c->at == c->list->spans[c->span].bytes) c->span++, c->at = 0;
    return c->span < c->list->n_spans ? c->list->spans[c->span].data + c->at : NULL;
}

int64_t tn__wire_next_int(tn__wire_cursor *c) {
    const uint8_t *p = advance(c), *q = p;
    uint64_t v = 0;
    if (!p) return 0;
    if (!read_varint(&q, p + (c->list->spans[c->span].bytes - c->at), &v)) return 0;
    c->at += (size_t)(q - p);
    return (int64_t)v;
}

float tn__wire_next_float(tn__wire_cursor *c) {
    const uint8_t *p = advance(c);
    float x = 0;
    if (p) memcpy(&x, p, sizeof x), c->at += sizeof x;
    return x;
}

double tn__wire_next_double(tn__wire_cursor *c) {
    const uint8_t *p = advance(c);
    double x = 0;
    if (p) memcpy(&x, p, sizeof x), c->at += sizeof x;
    return x;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

void tn__wire_out_init(tn__wire_out *o, const tn_allocator *a) { *o = (tn__wire_out){.allocator = a}; }

void tn__wire_out_deinit(tn__wire_out *o) {
    tn__free(o->allocator, o->data, o->capacity);
    *o = (tn__wire_out){.allocator = o->allocator};
}

static void append(tn__wire_out *o, const void *data, size_t bytes) {
    size_t wanted;
    if (o->failed || !bytes) return;
    if (!tn__add(o->bytes, bytes, &wanted) ||
        (wanted > o->capacity && !tn__vec_grow(o->allocator, (void **)&o->data, &o->capacity, wanted, 1))) {
        o->failed = true;
        return;
    }
    memcpy(o->data + o->bytes, data, bytes);
    o->bytes = wanted;
}

static void put_varint(tn__wire_out *o, uint64_t v) {
    uint8_t b[10];
    size_t n = 0;
    for (; v >= 128; v >>= 7) b[n++] = (uint8_t)(v | 128);
    b[n++] = (uint8_t)v;
    append(o, b, n);
}

static void put_tag(tn__wire_out *o, uint32_t number, uint32_t wire) { put_varint(o, (uint64_t)number << 3 | wire); }

void tn__wire_put_int(tn__wire_out *o, uint32_t number, int64_t value) {
    put_tag(o, number, WIRE_VARINT);
    put_varint(o, (uint64_t)value);
}

void tn__wire_put_float(tn__wire_out *o, uint32_t number, float value) {
    put_tag(o, number, WIRE_32);
    append(o, &value, sizeof value);
}

void tn__wire_put_bytes(tn__wire_out *o, uint32_t number, const void *data, size_t bytes) {
    put_tag(o, number, WIRE_BYTES);
    put_varint(o, bytes);
    append(o, data, bytes);
}

void tn__wire_put_text(tn__wire_out *o, uint32_t number, const char *text) { tn__wire_put_bytes(o, number, text, strlen(text)); }

size_t tn__wire_begin(tn__wire_out *o, uint32_t number) {
    static const uint8_t room[5];
    put_tag(o, number, WIRE_BYTES);
    append(o, room, sizeof room);
    return o->bytes;
}

void tn__wire_end(tn__wire_out *o, size_t begin) {
    if (o->failed) return;
    uint64_t n = o->bytes - begin;
    if (n >> 35) o->failed = true;
    for (int i = 0; i < 5 && !o->failed; i++) o->data[begin - 5 + i] = (uint8_t)((n >> (7 * i) & 127) | (i < 4 ? 128 : 0));
}
