/* Matrix products of the cpu device against the reference, the right side made at run time. */
#include "device_check.h"

#define GEMM(m, k, n, b, attrs)                                                                                          \
    "input %1 \"a\" : f32[" #m "," #k "]\ninput %2 \"b\" : f32[" b "]\ninput %3 \"c\" : f32[" #n "]\n"                     \
    "%4 = gemm(%1, %2, %3) {" attrs "}\n%5 = tanh(%4)\noutput \"y\" %5\n"

static const device_check products[] = {
    {"one row, transposed", GEMM(1, 100, 33, "33,100", "transB=1"), 0, 0, 0, 1e-4},
    {"one row, whole vectors", GEMM(1, 64, 5, "5,64", "transB=1, alpha=0.5"), 0, 0, 0, 1e-4},
    {"less than a vector", GEMM(1, 7, 3, "3,7", "transB=1"), 0, 0, 0, 1e-4},
    {"three rows, transposed", GEMM(3, 37, 18, "18,37", "transB=1, beta=2.0"), 0, 0, 0, 1e-4},
    {"three rows, both transposed", "input %1 \"a\" : f32[37,3]\ninput %2 \"b\" : f32[18,37]\n%3 = gemm(%1, %2) {transA=1, transB=1}\noutput \"y\" %3\n", 0, 0, 0, 1e-4},
    {"many rows, transposed", GEMM(20, 50, 70, "70,50", "transB=1"), 0, 0, 0, 1e-4},
    {"many rows, turned whole", GEMM(9, 48, 64, "64,48", "transB=1"), 0, 0, 0, 1e-4},
    {"packed at run time", GEMM(130, 33, 50, "33,50", "alpha=2.0"), 0, 0, 0, 1e-4},
    {"read in place", GEMM(5, 33, 50, "33,50", ""), 0, 0, 0, 1e-4},
    {"f16, transposed", "input %1 \"a\" : f16[9,20]\ninput %2 \"b\" : f16[18,20]\n%3 = gemm(%1, %2) {transB=1}\noutput \"y\" %3\n", 0, 0, 0, 8e-3},
    {"one row of f16, transposed", "input %1 \"a\" : f16[1,20]\ninput %2 \"b\" : f16[18,20]\n%3 = gemm(%1, %2) {transB=1}\noutput \"y\" %3\n", 0, 0, 0, 8e-3},
    {"a right side of one value, not stored", "input %1 \"a\" : f32[1,4000]\n%2 = constant {value=i64[2] (4000, 4200)}\n"
     "%3 = constant_of_shape(%2) {value=f32[1] (0.25)}\n%4 = matmul(%1, %3)\noutput \"y\" %4\n", 0, 0, 0, 1e-3},
    {"a value that is not stored, read by others", "input %1 \"a\" : f32[1,4200]\n%2 = constant {value=i64[2] (4000, 4200)}\n"
     "%3 = constant_of_shape(%2) {value=f32[1] (0.25)}\n%4 = mul(%1, %3)\n%5 = constant {value=i64[1] (0)}\n%6 = reduce_max(%3, %5)\n%7 = reduce_max(%4, %5)\noutput \"y\" %6\noutput \"z\" %7\n", 0, 0, 0, 1e-3},
    {"batches share the right side", "input %1 \"a\" : f32[3,50,20]\ninput %2 \"b\" : f32[20,40]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 1e-4},
    {"batches of both", "input %1 \"a\" : f32[2,3,5,20]\ninput %2 \"b\" : f32[3,20,40]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 1e-4},
};

static void run_time_products(void **s) { (void)s, check_all(products, sizeof products / sizeof *products); }

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(run_time_products)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
