/* What this machine can do at most, measured: the figures that all speeds are compared with. */
#ifndef TN_MEASURE_CEILINGS_H
#define TN_MEASURE_CEILINGS_H
#include "tenon/exec.h"

#define TN__CACHE_LEVELS 3

/* What a number of threads reaches together; the best of several repetitions. 0 stands for "not known" or "not measured". */
typedef struct tn__rates {
    double fma_f32, fma_f64; /* FLOP/s, a multiply-add counts two */
    double dot_i8;           /* the same of u8 times i8 added up in i32; 0 without such an instruction */
    double memory_read;      /* bytes/s from an array larger than the caches */
} tn__rates;

typedef struct tn__ceilings {
    tn__rates one, all; /* of one thread, of a thread on every processor */
    double level_read[TN__CACHE_LEVELS]; /* bytes/s that one thread sums up from half of each data cache level */
    double pool_ns; /* an empty parallel loop over all processors */
    double call_ns; /* tn_executable_run of a one-element graph on the device cpu */
} tn__ceilings;

/* About two seconds; nothing else should run. `progress(self, what)` is called before each part; may be NULL. */
TN_MUST_USE tn_error *tn__ceilings_measure(tn_context *context, void (*progress)(void *self, const char *what), void *self,
                                           tn__ceilings *out_ceilings);

/* The rates of `threads` threads alone; under half a second a thread count. */
TN_MUST_USE tn_error *tn__rates_measure(tn_context *context, int32_t threads, void (*progress)(void *self, const char *what), void *self,
                                        tn__rates *out_rates);

/* The processor as it names itself ("AMD EPYC 9655", "unknown"). */
void tn__cpu_name(char *buffer, size_t bytes);
/* Comma-separated instruction-set extensions that matter here ("avx2,fma,avx512f"). */
void tn__cpu_features(char *buffer, size_t bytes);
/* Bytes of each level of data cache, 0 where not known. */
void tn__cpu_caches(uint64_t bytes[TN__CACHE_LEVELS]);
/* Vector loops that the ceilings are measured with: "avx512", "avx2" or "generic". */
const char *tn__ceilings_loops(void);
#endif
