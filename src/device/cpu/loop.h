/* Loop steps of a program on the cpu device. */
#ifndef TN_DEVICE_CPU_LOOP_H
#define TN_DEVICE_CPU_LOOP_H
#include "base/counters.h"
#include "codegen/codegen.h"
#include "kernel/program.h"
#include "rt/pool.h"

/* `addresses` by slot. Allocates nothing; the result does not depend on the pool. What its parts count goes to `count`. */
TN_MUST_USE tn_error *tn__loop_run(const tn__kprogram *p, const tn__loop *loop, const tn__code *code, tn__pool *pool, bool flush_denormals,
                                    const tn__count_to *count, void *const *addresses);
#endif
