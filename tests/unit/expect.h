/* What tests expect of the library's errors. Wants cmocka.h before it. */
#ifndef TENON_TEST_EXPECT_H
#define TENON_TEST_EXPECT_H
#include <string.h>

#include "tenon/tenon.h"

static inline void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

/* The error says that; it is freed. */
static inline void fails_with(tn_error *e, const char *text) {
    assert_non_null(e);
    if (!strstr(tn_error_get_message(e), text)) fail_msg("found '%s', wanted '%s' in it", tn_error_get_message(e), text);
    tn_error_destroy(e);
}

/* It is of that code, too. */
static inline void fails_as(tn_error *e, tn_error_code code, const char *text) {
    assert_non_null(e);
    assert_int_equal(tn_error_get_code(e), code);
    fails_with(e, text);
}
#endif
