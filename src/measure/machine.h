/* The state of the machine before and after a measurement, and what in it makes the measurement worthless. */
#ifndef TN_MEASURE_MACHINE_H
#define TN_MEASURE_MACHINE_H
#include "base/os.h"

/* "" and 0 stand for "not known"; counters only grow. Source: Linux, /proc and /sys (proc(5), sysfs cpufreq, cgroup v2). */
typedef struct tn__machine {
    char governor[32];        /* of the first processor, e.g. "performance" */
    char turbo[8], smt[8];    /* "on" or "off" */
    int32_t processors;       /* that this process may run on */
    int32_t siblings;         /* processors of a physical core */
    int32_t numa_nodes;
    double container_cpus;    /* limit of the control group, in processors */
    uint64_t container_bytes; /* likewise of memory */
    double load;              /* processes that wanted to run, mean of the last minute */
    double mhz;               /* mean over processors */
    uint64_t clock_ns;        /* resolution of the clock */
    uint64_t busy, idle, stolen; /* ticks of all processors; stolen: a virtual machine's host ran others */
    uint64_t throttled_us;    /* that the control group held this process back */
    tn__os_usage usage;
    uint64_t when_ns;
} tn__machine;

/* `root` is put before every path: "" but in tests. */
void tn__machine_read(const char *root, tn__machine *out);

enum { TN__DISTORTIONS_MOST = 16, TN__DISTORTION_BYTES = 160 };
/* What distorts a measurement between two states, in words, worst kinds first. */
typedef struct tn__distortions {
    int32_t count;
    char text[TN__DISTORTIONS_MOST][TN__DISTORTION_BYTES];
} tn__distortions;

/* What was measured; 0: not known. */
typedef struct tn__measured {
    int32_t threads;
    double median_s, mad_s; /* of a sample */
} tn__measured;

void tn__machine_judge(const tn__machine *before, const tn__machine *after, const tn__measured *what, tn__distortions *out);
#endif
