/* Results in place: which operands are overwritten, what it saves, and that the results stay the same. */
#include "device_check.h"
#include "kernel/program.h"

/* Bytes of the arena, every elementwise node in a kernel of its own. */
static size_t arena(const char *text, bool in_place) {
    device_check c = {"in place", text, 0, 0, 0, 0};
    tn__lower_config config = {.lanes = 16, .registers = 32, .layout = true, .in_place = in_place};
    tn__kprogram *p;
    ok(tn__kprogram_create(context, check_graph(&c, NULL), &config, &p));
    size_t bytes = p->arena_bytes;
    assert_int_equal(bytes, p->arena_lower_bound);
    tn__kprogram_destroy(p);
    return bytes;
}

#define INPUT "input %1 \"x\" : f32[64,64]\n"
static const char chain[] = INPUT "%2 = tanh(%1)\n%3 = relu(%2)\n%4 = neg(%3)\n%5 = exp(%4)\noutput \"y\" %5\n";
static const char needed[] = INPUT "%2 = tanh(%1)\n%3 = relu(%2)\n%4 = add(%3, %2)\n%5 = exp(%4)\noutput \"y\" %5\n";
static const char turned[] = INPUT "%2 = tanh(%1)\n%3 = transpose(%2)\n%4 = matmul(%3, %2)\n%5 = exp(%4)\noutput \"y\" %5\n";

static void memory(void **s) {
    (void)s;
    size_t value = 64 * 64 * 4;
    assert_int_equal(arena(chain, false), 2 * value);
    assert_int_equal(arena(chain, true), value);
    assert_int_equal(arena(needed, true), 2 * value);  /* relu must leave tanh's result alone, the sum need not */
    assert_int_equal(arena(needed, false), 3 * value);
    assert_int_equal(arena(turned, true), arena(turned, false)); /* read in another order than written */
}

static void results(void **s) {
    (void)s;
    static const device_check checks[] = {
        {"chain", chain, 0, 0, 0, 1e-6}, {"needed later", needed, 0, 0, 0, 1e-6}, {"turned", turned, 0, 0, 0, 1e-5},
        {"residual", "input %1 \"x\" : f32[1,32,9,9]\ninput %2 \"w\" : f32[32,32,3,3]\n%3 = conv(%1, %2) {pads=[1,1,1,1]}\n%4 = relu(%3)\n"
                     "%5 = conv(%4, %2) {pads=[1,1,1,1]}\n%6 = add(%5, %4)\n%7 = relu(%6)\n%8 = conv(%7, %2)\noutput \"y\" %8\n", 2, 0, 0, 1e-4},
        {"a product over its own operand", "input %1 \"x\" : f32[40,40]\n%2 = tanh(%1)\n%3 = matmul(%2, %2)\n%4 = add(%3, %2)\n%5 = exp(%4)\n"
                                           "output \"y\" %5\n", 0, 0, 0, 1e-4}};
    check_all(checks, sizeof checks / sizeof *checks);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory), cmocka_unit_test(results)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
