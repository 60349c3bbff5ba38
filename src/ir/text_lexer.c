#include "ir/text_lexer.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

tn_error *tn__lexer_locate(tn__lexer *l, const char *where, tn_error *e) {
    unsigned long line = 1, column = 1;
    for (const char *c = l->begin; c < where; c++) {
        column++;
        if (*c == '\n') line++, column = 1;
    }
    return tn__error_prefix(e, "line %lu, column %lu", line, column);
}

tn_error *tn__lexer_fail(tn__lexer *l, const char *where, tn_error_code code, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tn__lexer_locate(l, where, tn__error_make(l->a, code, __FILE__, __LINE__, "%s", text));
}
#define FAIL(l, where, ...) tn__lexer_fail((l), (where), TN_ERROR_PARSE, __VA_ARGS__)

void tn__lexer_skip_blank(tn__lexer *l) {
    while (l->at < l->end && (*l->at == ' ' || *l->at == '\t')) l->at++;
}

void tn__lexer_skip(tn__lexer *l) {
    for (;;) {
        while (l->at < l->end && (*l->at == ' ' || *l->at == '\t' || *l->at == '\n' || *l->at == '\r')) l->at++;
        bool comment = l->at < l->end && (*l->at == '#' || (*l->at == '/' && l->at + 1 < l->end && l->at[1] == '/'));
        if (!comment) return;
        while (l->at < l->end && *l->at != '\n') l->at++;
    }
}

bool tn__lexer_accept(tn__lexer *l, char c) {
    tn__lexer_skip(l);
    if (l->at == l->end || *l->at != c) return false;
    l->at++;
    return true;
}

bool tn__lexer_accept_inline(tn__lexer *l, char c) {
    tn__lexer_skip_blank(l);
    if (l->at == l->end || *l->at != c) return false;
    l->at++;
    return true;
}

static const char *found(const tn__lexer *l, char *text, size_t bytes) {
    if (l->at == l->end) return "the end of the text";
    unsigned char c = (unsigned char)*l->at;
    snprintf(text, bytes, c >= 0x20 && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    return text;
}

tn_error *tn__lexer_expect(tn__lexer *l, char c, const char *after) {
    char text[16];
    if (tn__lexer_accept(l, c)) return NULL;
    return FAIL(l, l->at, "found %s, wanted '%c' %s", found(l, text, sizeof text), c, after);
}

static bool is_word(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static tn_error *keep(tn__lexer *l, const char *start, size_t n, const char **out) {
    char *s = tn__arena_alloc(&l->arena, n + 1);
    if (!s) return tn__error_oom();
    if (n) memcpy(s, start, n);
    *out = s;
    return NULL;
}

tn_error *tn__lexer_word(tn__lexer *l, const char *what, const char **out) {
    char text[16];
    tn__lexer_skip(l);
    const char *start = l->at;
    while (l->at < l->end && is_word(*l->at, l->at == start)) l->at++;
    if (l->at == start) return FAIL(l, start, "found %s, wanted %s", found(l, text, sizeof text), what);
    return keep(l, start, (size_t)(l->at - start), out);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

tn_error *tn__lexer_string(tn__lexer *l, const char *what, const char **out) {
    char text[16];
    if (!tn__lexer_accept(l, '"')) return FAIL(l, l->at, "found %s, wanted %s in quotes", found(l, text, sizeof text), what);
    const char *open = l->at - 1, *stop = l->at;
    while (stop < l->end && *stop != '"' && *stop != '\n') stop += *stop == '\\' && stop + 1 < l->end ? 2 : 1;
    if (stop >= l->end || *stop != '"') return FAIL(l, open, "this string has no end on its line");
    char *s;
    TN__TRY(keep(l, l->at, (size_t)(stop - l->at), out));
    s = (char *)*out; /* escapes only shorten it: rewritten in place */
    for (const char *c = l->at; c < stop; c++) {
        if (*c != '\\') {
            *s++ = *c;
            continue;
        }
        c++;
        if (*c == 'n') *s++ = '\n';
        else if (*c == 't') *s++ = '\t';
        else if (*c == '"' || *c == '\\') *s++ = *c;
        else if (*c == 'x' && stop - c > 2 && hex_digit(c[1]) >= 0 && hex_digit(c[2]) >= 0 && (c[1] != '0' || c[2] != '0')) {
            *s++ = (char)(hex_digit(c[1]) * 16 + hex_digit(c[2]));
            c += 2;
        } else return FAIL(l, c - 1, "no such escape in a string");
    }
    *s = 0;
    l->at = stop + 1;
    return NULL;
}

tn_error *tn__lexer_whole(tn__lexer *l, const char *what, uint64_t *out_bits, bool *out_negative) {
    char text[16];
    tn__lexer_skip(l);
    const char *start = l->at;
    *out_negative = l->at < l->end && *l->at == '-';
    if (*out_negative) l->at++;
    if (l->at == l->end || *l->at < '0' || *l->at > '9')
        return FAIL(l, l->at, "found %s, wanted %s", found(l, text, sizeof text), what);
    uint64_t x = 0;
    for (; l->at < l->end && *l->at >= '0' && *l->at <= '9'; l->at++)
        if (__builtin_mul_overflow(x, 10u, &x) || __builtin_add_overflow(x, (uint64_t)(*l->at - '0'), &x))
            return FAIL(l, start, "%s does not fit into 64 bits", what);
    if (*out_negative && x > (uint64_t)INT64_MAX + 1) return FAIL(l, start, "%s does not fit into 64 bits", what);
    *out_bits = *out_negative ? 0 - x : x;
    return NULL;
}

tn_error *tn__lexer_int(tn__lexer *l, const char *what, int64_t *out) {
    uint64_t x;
    bool negative;
    tn__lexer_skip(l);
    const char *start = l->at;
    TN__TRY(tn__lexer_whole(l, what, &x, &negative));
    if (!negative && x > INT64_MAX) return FAIL(l, start, "%s does not fit into a signed 64-bit number", what);
    *out = (int64_t)x;
    return NULL;
}

tn_error *tn__lexer_float(tn__lexer *l, const char *what, double *out) {
    char text[96], t[16], *stop;
    size_t n = 0;
    tn__lexer_skip(l);
    const char *start = l->at, *point = localeconv()->decimal_point;
    while (l->at < l->end && n < sizeof text - 8 && (is_word(*l->at, false) || strchr("+-.", *l->at))) {
        if (*l->at == '.' && strlen(point) < 8) { /* strtod reads the locale's */
            memcpy(text + n, point, strlen(point));
            n += strlen(point);
            l->at++;
        } else text[n++] = *l->at++;
    }
    text[n] = 0;
    *out = strtod(text, &stop);
    if (n && !*stop) return NULL;
    l->at = start;
    return FAIL(l, start, "found %s, wanted %s", found(l, t, sizeof t), what);
}

static int base64_digit(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' ? 62 : c == '/' ? 63 : -1;
}

tn_error *tn__lexer_base64(tn__lexer *l, uint8_t *data, size_t bytes) {
    TN__TRY(tn__lexer_expect(l, '"', "before base64 data"));
    size_t wanted = bytes / 3 * 4 + (bytes % 3 ? 4 : 0), k = 0;
    if ((size_t)(l->end - l->at) <= wanted) return FAIL(l, l->at, "base64 data of %zu bytes does not fit into the text", bytes);
    for (size_t i = 0; i < wanted; i += 4) {
        uint32_t x = 0;
        size_t rest = bytes - k;
        for (size_t j = 0; j < 4; j++) {
            int d = j > rest ? (l->at[j] == '=' ? 0 : -1) : base64_digit(l->at[j]);
            if (d < 0) return FAIL(l, l->at + j, "no base64 digit; the type wants %zu bytes, %zu are read", bytes, k);
            x = x << 6 | (uint32_t)d;
        }
        l->at += 4;
        data[k++] = (uint8_t)(x >> 16);
        if (rest > 1) data[k++] = (uint8_t)(x >> 8);
        if (rest > 2) data[k++] = (uint8_t)x;
    }
    return tn__lexer_expect(l, '"', "after base64 data of the type's size");
}
