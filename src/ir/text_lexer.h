/* Tokens of the text form. Every error names line and column. */
#ifndef TN_IR_TEXT_LEXER_H
#define TN_IR_TEXT_LEXER_H
#include "ir/text_form.h"

typedef struct tn__lexer {
    const tn_allocator *a;
    tn__arena arena; /* words and strings, until the whole text is read: at most a small multiple of its length */
    const char *begin, *at, *end;
} tn__lexer;

/* An error at `where`, "line 3, column 7: ...". */
tn_error *tn__lexer_fail(tn__lexer *l, const char *where, tn_error_code code, const char *format, ...) TN_PRINTF(4, 5);
/* Puts "line, column" before e. */
tn_error *tn__lexer_locate(tn__lexer *l, const char *where, tn_error *e);
/* Skips blanks and newlines and comments (`//` or `#` to the end of the line). */
void tn__lexer_skip(tn__lexer *l);
/* Skips blanks of this line only. */
void tn__lexer_skip_blank(tn__lexer *l);
/* Takes `c` if it comes next, after tn__lexer_skip. */
bool tn__lexer_accept(tn__lexer *l, char c);
/* Takes `c` if it comes next on this line. */
bool tn__lexer_accept_inline(tn__lexer *l, char c);
tn_error *tn__lexer_expect(tn__lexer *l, char c, const char *after);
/* A word [A-Za-z_][A-Za-z0-9_]*, in the arena. */
tn_error *tn__lexer_word(tn__lexer *l, const char *what, const char **out);
/* A string in quotes, in the arena. */
tn_error *tn__lexer_string(tn__lexer *l, const char *what, const char **out);
tn_error *tn__lexer_int(tn__lexer *l, const char *what, int64_t *out);
/* A whole number of 64 bits, signed or unsigned; *out_negative where it has a minus. */
tn_error *tn__lexer_whole(tn__lexer *l, const char *what, uint64_t *out_bits, bool *out_negative);
tn_error *tn__lexer_float(tn__lexer *l, const char *what, double *out);
/* Base64 in quotes that gives exactly `bytes` bytes. */
tn_error *tn__lexer_base64(tn__lexer *l, uint8_t *data, size_t bytes);
#endif
