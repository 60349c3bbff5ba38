/* Counters of the calling thread: those of the processor by perf_event_open(2), one group that is read in one call and that others may take
 * away for a while; those of the system by getrusage(2), which every system and container has. (Events of the system in a group of
 * perf_event_open count too little or nothing on Linux 6.18, depending on their order, and need a descriptor each.) */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/counters.h"
#include "base/os.h"

static const uint64_t events[TN__N_EVENTS] = {
    [TN__COUNTER_cycles] = PERF_COUNT_HW_CPU_CYCLES,
    [TN__COUNTER_instructions] = PERF_COUNT_HW_INSTRUCTIONS,
    [TN__COUNTER_cache_misses] = PERF_COUNT_HW_CACHE_MISSES,
};

/* User mode alone, which needs no right. */
static int open_event(uint64_t event, int leader) {
    struct perf_event_attr a = {.size = sizeof a, .type = PERF_TYPE_HARDWARE, .config = event, .exclude_kernel = 1, .exclude_hv = 1,
                                .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING};
    return (int)syscall(SYS_perf_event_open, &a, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static void read_processor(const tn__os_counters *c, tn__os_counts *out) {
    struct {
        uint64_t n, enabled_ns, running_ns, values[TN__N_EVENTS];
    } found;
    int members[TN__N_EVENTS], n = 0;
    for (int k = 0; k < TN__N_EVENTS; k++)
        if (c->fd[k] >= 0) members[n++] = k;
    ssize_t wanted = (ssize_t)(sizeof(uint64_t) * (3 + (size_t)n));
    if (!n || read(c->fd[members[0]], &found, sizeof found) != wanted || found.n != (uint64_t)n) return;
    for (int i = 0; i < n; i++) {
        out->value[members[i]] = found.values[i];
        out->valid |= 1u << members[i];
    }
    out->missed_ns = found.enabled_ns - found.running_ns;
}

static void read_system(tn__os_counts *out) {
    struct rusage u;
    struct timespec t;
    if (!getrusage(RUSAGE_THREAD, &u)) {
        out->value[TN__COUNTER_page_faults] = (uint64_t)u.ru_minflt + (uint64_t)u.ru_majflt;
        out->value[TN__COUNTER_context_switches] = (uint64_t)u.ru_nvcsw + (uint64_t)u.ru_nivcsw;
        out->valid |= TN_COUNTER_PAGE_FAULTS | TN_COUNTER_CONTEXT_SWITCHES;
    }
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)) return;
    out->value[TN__COUNTER_cpu_ns] = (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
    out->valid |= TN_COUNTER_CPU_NS;
}

static void read_counters(const tn__os_counters *c, tn__os_counts *out) {
    out->valid = 0;
    out->missed_ns = 0;
    read_processor(c, out);
    read_system(out);
}

static void close_event(tn__os_counters *c, int k, int reason) {
    if (c->fd[k] >= 0) close(c->fd[k]);
    c->fd[k] = -1;
    c->reason[k] = reason;
}

/* Some virtual machines have counters that stand still: cycles or instructions that do not pass are none, nor are cache misses beside them. */
static void drop_dead(tn__os_counters *c) {
    tn__os_counts counts = {.valid = 0};
    for (volatile int i = 0; i < 1000;) i = i + 1;
    read_processor(c, &counts);
    bool dead = false;
    for (int k = TN__COUNTER_cycles; k <= TN__COUNTER_instructions; k++) dead |= c->fd[k] >= 0 && !(counts.valid >> k & 1 && counts.value[k]);
    for (int k = TN__N_EVENTS - 1; dead && k >= 0; k--)
        if (c->fd[k] >= 0) close_event(c, k, ENODATA);
}

static void open_counters(tn__os_counters *out) {
    int leader = -1;
    out->thread = gettid();
    for (int k = 0; k < TN__N_EVENTS; k++) {
        out->fd[k] = open_event(events[k], leader);
        out->reason[k] = out->fd[k] < 0 ? errno : 0;
        if (leader < 0) leader = out->fd[k];
    }
    drop_dead(out);
}

static void close_counters(tn__os_counters *c) {
    for (int k = TN__N_EVENTS - 1; k >= 0; k--) close_event(c, k, EBADF);
    c->thread = 0;
}

const tn__counter_source tn__os_counter_source = {open_counters, read_counters, close_counters};

bool tn__os_counters_are_mine(const tn__os_counters *c) { return c->thread == gettid(); }

void tn__os_counters_explain(const tn__os_counters *c, int which, char *text, size_t bytes) {
    char reason[128], paranoid[16] = "";
    if (which >= TN__N_EVENTS) {
        snprintf(text, bytes, "getrusage: this system has none");
        return;
    }
    int number = c->reason[which];
    const char *words = strerror_r(number, reason, sizeof reason);
    switch (number) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP: snprintf(text, bytes, "perf_event_open: %s; the processor shows none, as in most virtual machines", words); break;
    case ENODATA: snprintf(text, bytes, "they stand still, as in some virtual machines"); break;
    case EACCES:
    case EPERM:
        (void)tn__os_read_kernel_file("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid);
        paranoid[strcspn(paranoid, "\n")] = 0;
        snprintf(text, bytes, "perf_event_open: %s; kernel.perf_event_paranoid is %s, wanted at most 2, or a container's filter forbids it", words,
                 *paranoid ? paranoid : "not known");
        break;
    default: snprintf(text, bytes, "perf_event_open: %s", words);
    }
}
