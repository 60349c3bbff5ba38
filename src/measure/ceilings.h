/* What this machine can do at most, measured: the figures that all speeds are compared with. */
#ifndef TN_MEASURE_CEILINGS_H
#define TN_MEASURE_CEILINGS_H
#include "tenon/exec.h"

#define TN__CACHE_LEVELS 3

/* 0 stands for "not known" or "not measured". Rates are the best of several repetitions. */
typedef struct tn__ceilings {
    double fma_f32, fma_f32_all;     /* FLOP/s, a multiply-add counts two; one thread, all processors */
    double fma_f64, dot_i8;          /* the same of f64, and of u8 times i8 added up in i32 (0 without such an instruction); one thread */
    double level_read[TN__CACHE_LEVELS]; /* bytes/s that one thread sums up from half of each data cache level */
    double memory_read, memory_read_all; /* bytes/s from an array larger than the caches; one thread, all processors */
    double pool_ns; /* an empty parallel loop over all processors */
    double call_ns; /* tn_executable_run of a one-element graph on the device cpu */
} tn__ceilings;

/* About two seconds; nothing else should run. `progress(self, what)` is called before each part; may be NULL. */
TN_MUST_USE tn_error *tn__ceilings_measure(tn_context *context, void (*progress)(void *self, const char *what), void *self,
                                           tn__ceilings *out_ceilings);

/* The processor as it names itself ("AMD EPYC 9655", "unknown"). */
void tn__cpu_name(char *buffer, size_t bytes);
/* Comma-separated instruction-set extensions that matter here ("avx2,fma,avx512f"). */
void tn__cpu_features(char *buffer, size_t bytes);
/* Bytes of each level of data cache, 0 where not known. */
void tn__cpu_caches(uint64_t bytes[TN__CACHE_LEVELS]);
/* Vector loops that the ceilings are measured with: "avx512", "avx2" or "generic". */
const char *tn__ceilings_loops(void);
#endif
