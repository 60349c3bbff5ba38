/* Element types: properties, and conversion of single elements and whole arrays to f64/i64 and back. */
#ifndef TN_BASE_DTYPE_H
#define TN_BASE_DTYPE_H
#include "tenon/base.h"

typedef enum tn__dtype_class {
    TN__CLASS_NONE, TN__CLASS_FLOAT, TN__CLASS_SINT, TN__CLASS_UINT, TN__CLASS_BOOL, TN__CLASS_STRING, TN__CLASS_NARROW
} tn__dtype_class;

tn__dtype_class tn__dtype_get_class(tn_dtype d);
int32_t tn__dtype_to_onnx(tn_dtype d);
tn_dtype tn__dtype_from_onnx(int64_t onnx); /* TN_DTYPE_NONE if unknown */
static inline bool tn__dtype_is_float(tn_dtype d) {
    tn__dtype_class c = tn__dtype_get_class(d);
    return c == TN__CLASS_FLOAT || c == TN__CLASS_NARROW;
}
static inline bool tn__dtype_is_int(tn_dtype d) {
    tn__dtype_class c = tn__dtype_get_class(d);
    return c == TN__CLASS_SINT || c == TN__CLASS_UINT;
}
/* Bytes of n elements (sub-byte types packed, rounded up). `n` is already bounded by the limits. */
size_t tn__dtype_bytes(tn_dtype d, int64_t n);

float tn__f16_to_f32(uint16_t h);
uint16_t tn__f32_to_f16(float f); /* round to nearest even */
float tn__bf16_to_f32(uint16_t h);
uint16_t tn__f32_to_bf16(float f); /* round to nearest even */

/* Element i of an array. Integers and bool exactly (u64 modulo 2^64 in i64); floats as value. */
double tn__load_f64(tn_dtype d, const void *data, int64_t i);
int64_t tn__load_i64(tn_dtype d, const void *data, int64_t i);
void tn__store_f64(tn_dtype d, void *data, int64_t i, double x); /* ints: truncates toward zero, saturating; rounds floats to nearest even */
void tn__store_i64(tn_dtype d, void *data, int64_t i, int64_t x); /* ints: wraps modulo 2^bits; bool: x != 0 */
#endif
