/* The roofline of the page (Williams, Waterman and Patterson 2009): FLOP rates of the kernels over their FLOP per byte, below the ceilings
 * that were measured on this machine. There is no theoretical peak in it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html_plot.h"
#include "html_report.h"

enum { WIDTH = 1000, HEIGHT = 440, CEILINGS_MOST = 8, NAME_BYTES = 64 };

/* A line: of work, horizontal; or of bytes, which rises until it meets that of f32. */
typedef struct ceiling {
    char name[NAME_BYTES];
    double rate; /* FLOP/s or B/s */
    bool bytes, cache;
} ceiling;

typedef struct roofline {
    const report_model *m;
    ceiling lines[CEILINGS_MOST];
    size_t n;
    double roof; /* FLOP/s of f32 */
} roofline;

static void add(roofline *f, double rate, bool bytes, bool cache, const char *what, int64_t threads) {
    if (!(rate > 0)) return;
    ceiling *c = &f->lines[f->n++];
    *c = (ceiling){.rate = rate, .bytes = bytes, .cache = cache};
    snprintf(c->name, sizeof c->name, "%s, %lld thread%s", what, (long long)threads, threads == 1 ? "" : "s");
}

static bool has_products(const report_model *m, tn_dtype dtype) {
    for (uint32_t i = 0; i < m->n_rows; i++)
        if (m->rows[i].product_dtype == dtype) return true;
    return false;
}

static void find_ceilings(const report_model *m, roofline *f) {
    *f = (roofline){.m = m, .roof = m->rates.fma_f32};
    add(f, m->rates.fma_f32, false, false, "f32 multiply-add", m->threads);
    if (has_products(m, TN_DTYPE_f64)) add(f, m->rates.fma_f64, false, false, "f64 multiply-add", m->threads);
    if (has_products(m, TN_DTYPE_i8)) add(f, m->rates.dot_i8, false, false, "u8 i8 dot product", m->threads);
    add(f, m->rates.memory_read, true, false, "memory read", m->threads);
    static const char *const levels[TN__CACHE_LEVELS] = {"L1 read", "L2 read", "L3 read"};
    for (int k = 0; k < TN__CACHE_LEVELS; k++) add(f, m->level_read[k], true, true, levels[k], 1);
}

static bool has_dot(const tn_profile_row *r) { return r->flops > 0 && r->bytes && r->least_ns; }
static double intensity_of(const tn_profile_row *r) { return r->flops / (double)r->bytes; }
static double rate_of(const tn_profile_row *r) { return r->flops / ((double)r->least_ns * 1e-9); }

typedef struct range {
    double low, high;
} range;

static void widen(range *r, double v) {
    if (v < r->low) r->low = v;
    if (v > r->high) r->high = v;
}

static void put_ceiling(const html_plot *p, const roofline *f, size_t index) {
    const ceiling *c = &f->lines[index];
    double left = p->x.low, right = c->bytes ? f->roof / c->rate : p->x.high;
    if (c->bytes && c->rate * left < p->y.low) left = p->y.low / c->rate;
    fprintf(p->to, "<path class=\"line%s c%zu\" d=\"M%.1f %.1fL%.1f %.1f\"><title>", c->cache ? " dash" : "", index + 1, html_plot_x(p, left),
            html_plot_y(p, c->bytes ? c->rate * left : c->rate), html_plot_x(p, right), html_plot_y(p, c->bytes ? f->roof : c->rate));
    html_put(p->to, c->name);
    fputs(": ", p->to);
    html_put_figure(p->to, c->rate, c->bytes ? HTML_BYTE_RATE : HTML_FLOP_RATE);
    fputs(", measured</title></path>\n", p->to);
}

/* The area of a dot is the share of the time. */
static void put_dot(const html_plot *p, const report_model *m, uint32_t step) {
    const tn_profile_row *r = &m->rows[step];
    double share = m->sum_ns > 0 ? (double)r->least_ns / m->sum_ns : 0;
    fprintf(p->to, "<a href=\"#k%u\"><circle class=\"dot c0\" fill-opacity=\".45\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>step %u, ", (unsigned)step,
            html_plot_x(p, intensity_of(r)), html_plot_y(p, rate_of(r)), 3 + 15 * sqrt(share), (unsigned)step);
    html_put(p->to, r->kernel);
    fputs(*r->node ? ", " : "", p->to);
    html_put(p->to, r->node);
    fputs(": ", p->to);
    html_put_figure(p->to, rate_of(r), HTML_FLOP_RATE);
    fprintf(p->to, " of %s at ", r->product_dtype ? tn_dtype_name(r->product_dtype) : "several types");
    html_put_figure(p->to, intensity_of(r), HTML_INTENSITY);
    fprintf(p->to, ", %.1f %% of the time</title></circle></a>\n", 100 * share);
}

static void put_caption(const report_model *m, uint32_t n_dots, FILE *to) {
    fprintf(to, "<figcaption>Each dot is one of %u steps with products, the larger the more of the time; the other %u are only in the table. Lines "
            "are ceilings that were measured on this machine (", (unsigned)n_dots, (unsigned)(m->n_rows - n_dots));
    html_put(to, json_string_value(json_object_get(m->environment, "cpu")));
    fprintf(to, ", %s loops), no theoretical peaks. Bytes are counted once each: a step whose values lie in a cache may be above the line of the memory.",
            tn__ceilings_loops());
    for (size_t i = 0; i < json_array_size(m->rates_distortions); i++) {
        fputs(i ? "; " : " <b class=\"warn\">The ceilings are distorted and may be too low</b>: ", to);
        html_put(to, json_string_value(json_array_get(m->rates_distortions, i)));
    }
    fputs("</figcaption>\n", to);
}

void report_roofline_write(const report_model *m, FILE *to) {
    roofline f;
    find_ceilings(m, &f);
    uint32_t n_dots = 0;
    range x = {INFINITY, 0}, y = {INFINITY, 0};
    for (uint32_t i = 0; i < m->n_rows; i++) {
        if (!has_dot(&m->rows[i])) continue;
        n_dots++;
        widen(&x, intensity_of(&m->rows[i]));
        widen(&y, rate_of(&m->rows[i]));
    }
    fputs("<h3>Roofline</h3>\n", to);
    if (!n_dots) {
        fputs("<p>No step of this model has products to count.</p>\n", to);
        return;
    }
    for (size_t i = 0; i < f.n; i++) {
        if (!f.lines[i].bytes) widen(&y, f.lines[i].rate);
        else if (f.roof > 0) widen(&x, f.roof / f.lines[i].rate);
    }
    html_plot p = {.to = to, .width = WIDTH, .height = HEIGHT, .left = 110, .right = 20, .top = 12, .bottom = 45};
    p.x = (html_axis){.scale = HTML_LOG, .unit = HTML_INTENSITY, .label = "arithmetic intensity"};
    p.y = (html_axis){.scale = HTML_LOG, .unit = HTML_FLOP_RATE, .label = "FLOP rate"};
    html_axis_fit(&p.x, x.low, x.high);
    html_axis_fit(&p.y, y.low, y.high);
    html_plot_begin(&p, "roofline: FLOP rate of each kernel over its arithmetic intensity, with the measured ceilings");
    for (size_t i = 0; i < f.n; i++) put_ceiling(&p, &f, i);
    for (uint32_t i = 0; i < m->n_rows; i++)
        if (has_dot(&m->rows[i])) put_dot(&p, m, i);
    html_plot_end(&p);
    put_caption(m, n_dots, to);
    html_legend_begin(to);
    for (size_t i = 0; i < f.n; i++)
        html_put_line(to, i + 1, f.lines[i].cache, f.lines[i].name, f.lines[i].rate, f.lines[i].bytes ? HTML_BYTE_RATE : HTML_FLOP_RATE);
    html_legend_end(to);
    fputs("</figure>\n", to);
}
