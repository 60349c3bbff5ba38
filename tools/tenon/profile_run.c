#include "profile_run.h"

tn_error *cli_profile_run(tn_executable *x, tn_tensor **in, uint32_t n_in, tn_tensor **out, uint32_t n_out, double seconds, cli_run_times *t) {
    *t = (cli_run_times){0};
    for (; t->runs < 3 || t->total_s < seconds; t->runs++) {
        uint64_t start = cli_now_ns();
        tn_error *e = tn_executable_run(x, in, n_in, out, n_out);
        if (e) return e;
        uint64_t ns = cli_now_ns() - start;
        if (!t->runs) { /* specialises and compiles */
            t->total_s = 0;
            continue;
        }
        t->total_s += (double)ns * 1e-9;
        if (!t->least_ns || ns < t->least_ns) t->least_ns = ns;
    }
    return NULL;
}
