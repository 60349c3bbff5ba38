/* Threads, locks, the monotonic clock: the operating system's part of the thread pool. */
#ifndef TN_BASE_OS_THREAD_H
#define TN_BASE_OS_THREAD_H
#include "base/error.h"

enum { TN__MAX_THREADS = 1024 }; /* that one call uses */

/* Room for the system's own objects; os_posix_thread.c asserts that they fit. */
typedef struct tn__os_mutex {
    _Alignas(16) unsigned char room[64];
} tn__os_mutex;
typedef struct tn__os_condition {
    _Alignas(16) unsigned char room[64];
} tn__os_condition;
typedef struct tn__os_thread {
    _Alignas(16) unsigned char room[16];
    void (*body)(void *self);
    void *self;
} tn__os_thread;

bool tn__os_mutex_init(tn__os_mutex *m); /* false: the system has no more of them */
void tn__os_mutex_deinit(tn__os_mutex *m);
void tn__os_mutex_lock(tn__os_mutex *m);
void tn__os_mutex_unlock(tn__os_mutex *m);

bool tn__os_condition_init(tn__os_condition *c);
void tn__os_condition_deinit(tn__os_condition *c);
void tn__os_condition_wait(tn__os_condition *c, tn__os_mutex *m); /* may wake without reason */
void tn__os_condition_signal(tn__os_condition *c);
void tn__os_condition_broadcast(tn__os_condition *c);

uintptr_t tn__os_thread_self(void); /* no two threads at a time have the same */
bool tn__os_thread_start(tn__os_thread *t, void (*body)(void *self), void *self); /* `t` stays in place till joined; false: no thread was made */
void tn__os_thread_join(tn__os_thread *t);
void tn__os_thread_detach(tn__os_thread *t); /* instead of joining it */
bool tn__os_thread_is_current(const tn__os_thread *t);
/* Keeps the calling thread on one processor: the index-th that the process may run on, counted round. False: the system refused. */
bool tn__os_thread_pin(int32_t index);

bool tn__os_thread_pin_to(int32_t processor); /* the system's number */

/* Processors this process may run on, at least 1. */
int32_t tn__os_processor_count(void);
/* Nanoseconds of a clock that never goes back. */
uint64_t tn__os_clock_ns(void);

/* A hint to the processor that this is a spin loop. */
static inline void tn__os_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
#endif
