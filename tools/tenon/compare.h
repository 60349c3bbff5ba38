/* Comparing tensors with the tolerances of the ONNX backend tests. */
#ifndef TENON_TOOL_COMPARE_H
#define TENON_TOOL_COMPARE_H
#include "tenon/tenon.h"

/* An element is right when |found - wanted| <= atol + rtol * |wanted|, or at most `ulp` representable numbers lie between. */
typedef struct cli_tolerance {
    double rtol, atol;
    int64_t ulp; /* -1: not asked */
} cli_tolerance;
#define CLI_TOLERANCE_ONNX ((cli_tolerance){.rtol = 1e-3, .atol = 1e-7, .ulp = -1})

typedef struct cli_difference {
    bool ok;
    int64_t n_elements, n_wrong;
    double max_abs, max_rel, max_ulp; /* over finite elements; infinite where NaN or infinity stands against a number */
    double wrongness;                 /* worst error over its tolerance; infinite for dtype, shape and NaN */
    char reason[400];                 /* "" when ok */
} cli_difference;

void cli_compare(const tn_tensor *found, const tn_tensor *wanted, const cli_tolerance *tolerance, cli_difference *out);
/* Reads `tolerance.txt` of a test folder over *tolerance; a missing file is no error. */
tn_error *cli_tolerance_read(tn_context *context, const char *path, cli_tolerance *tolerance);
/* "[1,3,224,224]" into the buffer; returns it. */
const char *cli_dims_text(int32_t rank, const int64_t *dims, char *buffer, size_t bytes);
/* One element as text ("0.25", "-3", "true", "\"text\""). */
const char *cli_element_text(const tn_tensor *t, int64_t i, char *buffer, size_t bytes);
/* "[0,2,5]" of a linear index. */
const char *cli_index_text(const tn_tensor *t, int64_t i, char *buffer, size_t bytes);
#endif
