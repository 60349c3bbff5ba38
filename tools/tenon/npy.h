/* NumPy's .npy files: reading (hostile input) and writing. */
#ifndef TENON_TOOL_NPY_H
#define TENON_TOOL_NPY_H
#include "tenon/base.h"

/* Parses versions 1 to 3, either byte order, C or Fortran order, dtypes b1 i1..i8 u1..u8 f2 f4 f8 and byte strings S. `what` (the
 * path) begins the error's text. */
tn_error *cli_npy_parse(tn_context *context, const char *what, const void *data, size_t bytes, tn_tensor **out_tensor);
/* Writes version 1.0, C order; whole or not at all. What NumPy has no dtype for is widened: bf16 and 8-bit floats to f4, 4- and
 * 2-bit integers to i1/u1; strings become byte strings. */
tn_error *cli_npy_save(tn_context *context, const tn_tensor *tensor, const char *path);
#endif
