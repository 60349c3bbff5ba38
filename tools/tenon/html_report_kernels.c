/* The table of steps on the page: where the time of the model goes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_out.h"
#include "html_report.h"

static void put_sources(const tn_profile_row *r, FILE *to) {
    if (!r->n_sources || (r->n_sources == 1 && !strcmp(r->sources[0], r->node))) return;
    enum { SHOWN = 4 };
    char *text = cli_sources_text(r->sources, r->n_sources, r->n_sources_hidden, SHOWN);
    cli_put_markup(text, to); /* escaped one by one */
    free(text);
}

/* "12.3 %", sorted by the number; 0: not known. */
static void put_share(FILE *to, double share) {
    if (share > 0) fprintf(to, "<td class=\"n\" data-v=\"%.9g\">%.1f %%</td>", share, 100 * share);
    else html_put_cell(to, NAN, HTML_PLAIN);
}

static void put_row(const report_model *m, uint32_t i, FILE *to) {
    const tn_profile_row *r = &m->rows[i];
    double s = r->least_ns ? (double)r->least_ns * 1e-9 : NAN;
    rates_shares of = rates_shares_of(&m->rates, r);
    fprintf(to, "<tr id=\"k%u\"><td class=\"n\" data-v=\"%u\">%u</td><td>", (unsigned)i, (unsigned)i, (unsigned)i);
    html_put(to, r->kernel);
    if (r->stages > 1) fprintf(to, " and %u more stages", (unsigned)r->stages - 1);
    fputs("</td>", to);
    html_put_cell(to, s, HTML_SECONDS);
    html_put_cell(to, r->runs ? (double)r->total_ns * 1e-9 / (double)r->runs : NAN, HTML_SECONDS);
    put_share(to, m->sum_ns > 0 ? (double)r->least_ns / m->sum_ns : 0);
    html_put_cell(to, r->flops > 0 ? r->flops : NAN, HTML_FLOP);
    html_put_cell(to, (double)r->bytes, HTML_BYTES);
    html_put_cell(to, r->flops > 0 ? r->flops / s : NAN, HTML_FLOP_RATE);
    put_share(to, of.compute);
    html_put_cell(to, (double)r->bytes / s, HTML_BYTE_RATE);
    put_share(to, of.memory);
    html_put_cell(to, (double)r->live_bytes, HTML_BYTES);
    fputs("<td>", to);
    html_put(to, r->kind);
    fputs("</td><td>", to);
    html_put(to, r->node);
    fputs("</td><td>", to);
    put_sources(r, to);
    fputs("</td></tr>\n", to);
}

typedef struct place {
    uint32_t step;
    uint64_t ns;
} place;

static int slowest_first(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->ns != y->ns) return x->ns < y->ns ? 1 : -1;
    return x->step < y->step ? -1 : x->step > y->step;
}

void report_kernels_write(const report_model *m, FILE *to) {
    char figure[HTML_FIGURE_BYTES];
    fputs("<h3>Steps</h3>\n", to);
    if (!m->n_rows) {
        fputs("<p>The device has no step to show.</p>\n", to);
        return;
    }
    fprintf(to, "<p>Fastest run of each step, of %zu; their sum is %s. FLOP are those of products; bytes are those of the values that a step "
            "touches, each once, wherever they lie. Shares of ceilings are of those of the roofline, and too large where those are distorted; "
            "more than 100 %% of the memory's came from caches.</p>\n", m->n_samples, html_figure(figure, m->sum_ns * 1e-9, HTML_SECONDS));
    fputs("<div class=\"wide\"><table class=\"sort\">\n<thead><tr><th class=\"n\">step</th><th>kernel or op</th>"
          "<th class=\"n\">fastest</th><th class=\"n\">mean</th><th class=\"n\">share</th><th class=\"n\">FLOP</th><th class=\"n\">bytes</th>"
          "<th class=\"n\">FLOP rate</th><th class=\"n\">of ceiling</th><th class=\"n\">byte rate</th>"
          "<th class=\"n\">of memory</th><th class=\"n\">live arena</th>"
          "<th>kind</th><th>node</th><th>from</th></tr></thead>\n<tbody>\n", to);
    place *order = cli_alloc(m->n_rows * sizeof *order);
    for (uint32_t i = 0; i < m->n_rows; i++) order[i] = (place){i, m->rows[i].least_ns};
    qsort(order, m->n_rows, sizeof *order, slowest_first);
    for (uint32_t i = 0; i < m->n_rows; i++) put_row(m, order[i].step, to);
    free(order);
    fputs("</tbody>\n</table></div>\n", to);
}
