/* How this thread's processor treats denormal numbers. */
#ifndef TN_BASE_FLOAT_MODE_H
#define TN_BASE_FLOAT_MODE_H
#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
/* Denormal results and operands count as 0 from now on; returns what tn__float_mode_restore wants. */
static inline uint64_t tn__float_mode_flush(void) {
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040); /* FTZ, DAZ */
    return mode;
}
static inline void tn__float_mode_restore(uint64_t mode) { _mm_setcsr((unsigned)mode); }
#elif defined(__aarch64__)
static inline uint64_t tn__float_mode_flush(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | (UINT64_C(1) << 24))); /* FZ */
    return mode;
}
static inline void tn__float_mode_restore(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
static inline uint64_t tn__float_mode_flush(void) { return 0; }
static inline void tn__float_mode_restore(uint64_t mode) { (void)mode; }
#endif
#endif
