#include "session/trace_event.h"

#include <inttypes.h>
#include <math.h>

#include "ir/sources.h"

/* Of valid UTF-8. */
static void put_escaped(tn__text *to, const char *text) {
    char run[80];
    size_t n = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if (n > sizeof run - 8) run[n] = 0, tn__text_add(to, run), n = 0;
        if (*s == '"' || *s == '\\') run[n++] = '\\', run[n++] = (char)*s;
        else if (*s >= 0x20 && *s != 0x7f) run[n++] = (char)*s;
        else {
            static const char digits[] = "0123456789abcdef";
            memcpy(run + n, "\\u00", 4);
            run[n + 4] = digits[*s >> 4], run[n + 5] = digits[*s & 15];
            n += 6;
        }
    }
    run[n] = 0;
    tn__text_add(to, run);
}

static void put_bytes(tn__text *to, const char *text) {
    if (tn__source_is_utf8(text)) {
        put_escaped(to, text);
        return;
    }
    tn__text plain;
    tn__text_init(&plain, to->allocator);
    tn__source_escape(&plain, text);
    if (plain.failed) to->failed = true;
    else put_escaped(to, plain.data);
    tn__text_deinit(&plain);
}

static void put_text(tn__text *to, const char *key, const char *first, const char *second) {
    bool both = first && *first && second && *second;
    tn__text_addf(to, "\"%s\":\"", key);
    if (first) put_bytes(to, first);
    if (both) tn__text_add(to, " ");
    if (second) put_bytes(to, second);
    tn__text_add(to, "\"");
}

static void put_time(tn__text *to, const char *key, uint64_t ns) {
    tn__text_addf(to, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void put_row(tn__text *to, const tn_profile_row *r) {
    tn__text_add(to, ",\"args\":{");
    put_text(to, "kernel", r->kernel, NULL);
    tn__text_add(to, ",");
    put_text(to, "node", r->node, NULL);
    tn__text_add(to, ",\"sources\":[");
    for (uint32_t i = 0; i < r->n_sources; i++) {
        tn__text_add(to, i ? ",\"" : "\"");
        put_bytes(to, r->sources[i]);
        tn__text_add(to, "\"");
    }
    tn__text_addf(to, "],\"stages\":%" PRIu32 ",\"flops\":%.17g,\"bytes\":%" PRIu64 ",\"live_bytes\":%" PRIu64 "}", r->stages,
                  isfinite(r->flops) ? r->flops : 0, r->bytes, r->live_bytes);
}

void tn__trace_print(tn__text *to, const tn__trace_event *e) {
    tn__text_add(to, "{");
    if (e->category) put_text(to, "cat", e->category, NULL), tn__text_add(to, ",");
    tn__text_addf(to, "\"ph\":\"%c\",\"pid\":%" PRId64 ",\"tid\":%" PRId64, e->phase, e->process, e->thread);
    if (e->phase != 'M') put_time(to, "ts", e->begin_ns);
    if (e->phase == 'X') put_time(to, "dur", e->end_ns > e->begin_ns ? e->end_ns - e->begin_ns : 0);
    if (e->phase == 'i') tn__text_add(to, ",\"s\":\"t\"");
    if (e->name) tn__text_add(to, ","), put_text(to, "name", e->name, e->phase == 'M' ? NULL : e->second);
    if (e->phase == 'M') {
        tn__text_add(to, ",\"args\":{");
        put_text(to, "name", e->second, NULL);
        tn__text_add(to, "}");
    } else if (e->row) put_row(to, e->row);
    tn__text_add(to, "}");
}
