#include "measure/machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os_thread.h"

enum { TEXT_BYTES = 8192, TICKS_A_SECOND = 100 /* USER_HZ, fixed by the kernel's interface */ };

/* ---- reading ------------------------------------------------------------------------------------------------- */

static bool read_text(const char *root, const char *path, char text[TEXT_BYTES]) {
    char whole[512];
    text[0] = 0;
    if (snprintf(whole, sizeof whole, "%s%s", root, path) >= (int)sizeof whole) return false;
    return tn__os_read_kernel_file(whole, text, TEXT_BYTES);
}

static void read_word(const char *root, const char *path, char *out, size_t bytes) {
    char text[TEXT_BYTES];
    if (read_text(root, path, text)) snprintf(out, bytes, "%.*s", (int)strcspn(text, " \t\n"), text);
}

/* The number after the line's first word; 0: there is no such line. */
static uint64_t field(const char *text, const char *name) {
    size_t n = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (!strncmp(line, name, n) && line[n] == ' ') return strtoull(line + n, NULL, 10);
    return 0;
}

static void read_switches(const char *root, tn__machine *m) {
    char word[32] = "";
    read_word(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", m->governor, sizeof m->governor);
    read_word(root, "/sys/devices/system/cpu/smt/active", word, sizeof word);
    if (*word) strcpy(m->smt, *word == '1' ? "on" : "off");
    *word = 0;
    read_word(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", word, sizeof word);
    if (*word) strcpy(m->turbo, *word == '1' ? "off" : "on");
    *word = 0;
    read_word(root, "/sys/devices/system/cpu/cpufreq/boost", word, sizeof word);
    if (*word) strcpy(m->turbo, *word == '1' ? "on" : "off");
}

/* "0-3,8" counts 5. */
static int32_t count_of_list(const char *text) {
    int64_t n = 0;
    while (*text >= '0' && *text <= '9') {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        if (last < first || last - first > 1 << 20) return 0;
        n += last - first + 1;
        text = *end == ',' ? end + 1 : end;
    }
    return n < INT32_MAX ? (int32_t)n : 0;
}

static void read_container(const char *root, tn__machine *m) {
    char text[TEXT_BYTES];
    double quota, period;
    if (read_text(root, "/sys/fs/cgroup/cpu.max", text) && sscanf(text, "%lf %lf", &quota, &period) == 2 && period > 0)
        m->container_cpus = quota / period;
    if (read_text(root, "/sys/fs/cgroup/memory.max", text)) m->container_bytes = strtoull(text, NULL, 10); /* "max" gives 0 */
    if (read_text(root, "/sys/fs/cgroup/cpu.stat", text)) m->throttled_us = field(text, "throttled_usec");
}

static void read_ticks(const char *root, tn__machine *m) {
    char text[TEXT_BYTES];
    uint64_t t[8] = {0}; /* user nice system idle iowait irq softirq steal */
    if (!read_text(root, "/proc/stat", text)) return;
    if (sscanf(text, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &t[0], &t[1], &t[2],
               &t[3], &t[4], &t[5], &t[6], &t[7]) < 4)
        return;
    m->busy = t[0] + t[1] + t[2] + t[5] + t[6], m->idle = t[3] + t[4], m->stolen = t[7];
}

static void read_mhz(const char *root, tn__machine *m) {
    char text[TEXT_BYTES];
    double sum = 0;
    int n = 0;
    if (!read_text(root, "/proc/cpuinfo", text)) return;
    for (const char *at = text; (at = strstr(at, "cpu MHz")); at += 7) {
        const char *colon = strchr(at, ':');
        double mhz = colon ? strtod(colon + 1, NULL) : 0;
        if (mhz > 0) sum += mhz, n++;
    }
    if (n) m->mhz = sum / n;
}

void tn__machine_read(const char *root, tn__machine *out) {
    char text[TEXT_BYTES];
    *out = (tn__machine){.processors = tn__os_processor_count(), .clock_ns = tn__os_clock_resolution_ns()};
    read_switches(root, out);
    if (read_text(root, "/sys/devices/system/node/online", text)) out->numa_nodes = count_of_list(text);
    if (read_text(root, "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", text)) out->siblings = count_of_list(text);
    read_container(root, out);
    if (read_text(root, "/proc/loadavg", text)) out->load = strtod(text, NULL);
    read_mhz(root, out);
    read_ticks(root, out);
    tn__os_get_usage(&out->usage);
    out->when_ns = tn__os_now_ns();
}

/* ---- judging ------------------------------------------------------------------------------------------------- */

static void TN_PRINTF(2, 3) say(tn__distortions *d, const char *format, ...) {
    if (d->count == TN__DISTORTIONS_MOST) return;
    va_list args;
    va_start(args, format);
    vsnprintf(d->text[d->count++], TN__DISTORTION_BYTES, format, args);
    va_end(args);
}

static double grown(uint64_t from, uint64_t to) { return to > from ? (double)(to - from) : 0; }

/* Shares of all processors' time that are distortions, and the least time for which ticks say anything. */
static const double most_stolen = 0.01, most_others = 0.05, least_seconds = 0.2;

static void judge_processors(const tn__machine *a, const tn__machine *b, double seconds, tn__distortions *out) {
    double busy = grown(a->busy, b->busy) / TICKS_A_SECOND, stolen = grown(a->stolen, b->stolen) / TICKS_A_SECOND;
    double all = busy + stolen + grown(a->idle, b->idle) / TICKS_A_SECOND, own = grown(a->usage.cpu_ns, b->usage.cpu_ns) * 1e-9;
    if (seconds < least_seconds || all <= 0) return;
    if (stolen > most_stolen * all) say(out, "the host of this virtual machine took %.0f %% of the processors' time", 100 * stolen / all);
    if (busy - own > most_others * all) say(out, "other programs used %.0f %% of the processors' time", 100 * (busy - own) / all);
}

void tn__machine_judge(const tn__machine *before, const tn__machine *after, const tn__measured *what, tn__distortions *out) {
    double seconds = grown(before->when_ns, after->when_ns) * 1e-9;
    *out = (tn__distortions){0};
    if (after->when_ns < before->when_ns) say(out, "the clock went back");
    judge_processors(before, after, seconds, out);
    if (after->throttled_us > before->throttled_us)
        say(out, "the container's limit held this process back for %.0f ms", grown(before->throttled_us, after->throttled_us) * 1e-3);
    if (what->threads > before->processors) say(out, "%d threads on %d processors", what->threads, before->processors);
    if (before->container_cpus > 0 && what->threads > before->container_cpus)
        say(out, "%d threads, and the container may use %.2g processors", what->threads, before->container_cpus);
    if (*before->governor && strcmp(before->governor, "performance")) say(out, "the frequency governor is '%s'", before->governor);
    if (before->mhz > 0 && after->mhz > 0 && (after->mhz < 0.95 * before->mhz || before->mhz < 0.95 * after->mhz))
        say(out, "the frequency went from %.0f to %.0f MHz", before->mhz, after->mhz);
    if (after->usage.major_faults > before->usage.major_faults)
        say(out, "%.0f pages came from the disk", grown(before->usage.major_faults, after->usage.major_faults));
    if (what->median_s > 0 && (double)before->clock_ns * 1e-9 > 0.01 * what->median_s)
        say(out, "a tick of the clock (%" PRIu64 " ns) is more than 1 %% of a sample", before->clock_ns);
    if (what->median_s > 0 && what->mad_s > 0.05 * what->median_s)
        say(out, "half of the samples differ by more than %.0f %% from the median", 100 * what->mad_s / what->median_s);
}
