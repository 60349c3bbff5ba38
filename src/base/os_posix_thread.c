#include "base/os_thread.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(tn__os_mutex), "room for a mutex");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(tn__os_condition), "room for a condition");
_Static_assert(sizeof(pthread_t) <= sizeof((tn__os_thread *)0)->room, "room for a thread");

static pthread_mutex_t *mutex_of(tn__os_mutex *m) { return (pthread_mutex_t *)(void *)m->room; }
static pthread_cond_t *condition_of(tn__os_condition *c) { return (pthread_cond_t *)(void *)c->room; }

bool tn__os_mutex_init(tn__os_mutex *m) { return pthread_mutex_init(mutex_of(m), NULL) == 0; }
void tn__os_mutex_deinit(tn__os_mutex *m) { (void)pthread_mutex_destroy(mutex_of(m)); }
void tn__os_mutex_lock(tn__os_mutex *m) { (void)pthread_mutex_lock(mutex_of(m)); }
void tn__os_mutex_unlock(tn__os_mutex *m) { (void)pthread_mutex_unlock(mutex_of(m)); }

bool tn__os_condition_init(tn__os_condition *c) { return pthread_cond_init(condition_of(c), NULL) == 0; }
void tn__os_condition_deinit(tn__os_condition *c) { (void)pthread_cond_destroy(condition_of(c)); }
void tn__os_condition_wait(tn__os_condition *c, tn__os_mutex *m) { (void)pthread_cond_wait(condition_of(c), mutex_of(m)); }
void tn__os_condition_signal(tn__os_condition *c) { (void)pthread_cond_signal(condition_of(c)); }
void tn__os_condition_broadcast(tn__os_condition *c) { (void)pthread_cond_broadcast(condition_of(c)); }

/* pthread's entry has another type than ours. */
static void *thread_entry(void *argument) {
    const tn__os_thread *t = argument;
    t->body(t->self);
    return NULL;
}

bool tn__os_thread_start(tn__os_thread *t, void (*body)(void *self), void *self) {
    t->body = body;
    t->self = self;
    return pthread_create((pthread_t *)(void *)t->room, NULL, thread_entry, t) == 0;
}

static pthread_t thread_of(const tn__os_thread *t) { return *(const pthread_t *)(const void *)t->room; }

void tn__os_thread_join(tn__os_thread *t) { (void)pthread_join(thread_of(t), NULL); }
void tn__os_thread_detach(tn__os_thread *t) { (void)pthread_detach(thread_of(t)); }
bool tn__os_thread_is_current(const tn__os_thread *t) { return pthread_equal(pthread_self(), thread_of(t)) != 0; }

uintptr_t tn__os_thread_self(void) { return (uintptr_t)pthread_self(); }

bool tn__os_thread_pin_to(int32_t processor) {
    cpu_set_t one;
    if (processor < 0 || processor >= CPU_SETSIZE) return false;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
}

bool tn__os_thread_pin(int32_t index) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) == 0) return false;
    index %= CPU_COUNT(&set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set) && !index--) return tn__os_thread_pin_to(cpu);
    }
    return false;
}

int32_t tn__os_processor_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1; /* more than 1024 processors: the caller sets the number */
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

uint64_t tn__os_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
