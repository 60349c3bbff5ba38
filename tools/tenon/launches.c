#include "launches.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "device/cpu/profile.h"

static cli_launch *append(cli_launches *x) {
    if ((x->count & (x->count - 1)) == 0) x->items = cli_realloc(x->items, (x->count ? x->count * 2 : 1) * sizeof *x->items);
    x->what = "launch";
    x->items[x->count] = (cli_launch){.number = (uint32_t)x->count};
    return &x->items[x->count++];
}

/* What profile and program both say of a step. */
static void take_row(cli_launch *l, const cli_graphs *graphs, const tn_profile_row *r) {
    l->kind = cli_printf("%s", r->kind);
    l->title = cli_printf("%s", r->kernel);
    l->stages = r->stages;
    l->flops = r->flops;
    l->bytes = r->bytes;
    l->n_hidden = r->n_sources_hidden;
    l->nodes = cli_alloc(((size_t)r->n_sources + 1) * sizeof *l->nodes);
    for (uint32_t i = 0; i < r->n_sources; i++) l->n_nodes += cli_node_ref_read(graphs, r->sources[i], &l->nodes[l->n_nodes]);
}

/* ---- of a program -------------------------------------------------------------------------------------------- */

static void add_kernel(cli_launch *l, const tn__kprogram *p, uint32_t kernel, uint32_t node) {
    l->kernels = cli_realloc(l->kernels, (l->n_kernels + 1) * sizeof *l->kernels);
    l->kernels[l->n_kernels++] = (cli_launch_kernel){cli_printf("%s", p->kernels.data[kernel]->name), node, p->kernels.data[kernel]->flops};
}

static void add_value(cli_launch *l, const tn__kprogram *p, uint32_t slot, bool written) {
    static const char *const kinds[] = {"arena", "input", "output", "constant", "scratch", "arena"}; /* a part lies in the arena, or in an output */
    const tn__slot *s = &p->slots.data[slot];
    cli_launch_value v = {.value = s->value, .kind = kinds[s->kind], .bytes = s->bytes};
    if (s->kind == TN__SLOT_PART) v.kind = kinds[p->slots.data[tn__slot_root(p, slot)].kind];
    tn__slot_layout(s, v.layout, sizeof v.layout);
    for (uint32_t i = 0; i < l->n_values; i++) {
        cli_launch_value *old = &l->values[i];
        if (!v.value || old->value != v.value || strcmp(old->layout, v.layout) || old->kind != v.kind) continue;
        *(written ? &old->written : &old->read) = true;
        return;
    }
    *(written ? &v.written : &v.read) = true;
    l->values = cli_realloc(l->values, (l->n_values + 1) * sizeof *l->values);
    l->values[l->n_values++] = v;
}

static bool is_written(const tn__kernel *k, int32_t buffer) {
    bool yes = buffer == k->out_buffer;
    for (int32_t i = 0; i < k->n_stores; i++) yes = yes || k->stores[i].buffer == buffer;
    return yes;
}

static void add_loop(cli_launch *l, const tn__kprogram *p, const tn__step *s) {
    for (uint32_t i = 0; i < s->loop->n_strands * s->loop->n_launches; i++) {
        const tn__loop_launch *x = &s->loop->launches[i];
        add_kernel(l, p, x->kernel, s->node);
        for (uint32_t b = 0; b < x->n_buffers; b++) add_value(l, p, x->buffers[b].slot, is_written(p->kernels.data[x->kernel], (int32_t)b));
    }
}

cli_launches cli_launches_of_program(const cli_graphs *graphs, const tn__kprogram *p) {
    cli_launches x = {0};
    for (size_t i = 0; i < p->steps.count; i++) {
        const tn__step *s = &p->steps.data[i];
        tn_profile_row row = tn__cpu_row(p, s);
        cli_launch *l = append(&x);
        take_row(l, graphs, &row);
        l->computes = s->kind == TN__STEP_CALL || s->kind == TN__STEP_LOOP;
        for (uint32_t k = 0; k < s->n_stages; k++) {
            const tn__stage *stage = &s->stages[k];
            l->computes = l->computes || stage->node != TN__NO_NODE;
            add_kernel(l, p, stage->kernel, stage->node);
            for (uint32_t b = 0; b < stage->n_slots; b++) add_value(l, p, stage->slots[b], is_written(p->kernels.data[stage->kernel], (int32_t)b));
        }
        if (s->kind == TN__STEP_LOOP) {
            add_loop(l, p, s);
            continue;
        }
        uint32_t n_read = s->kind == TN__STEP_CALL ? p->graph->nodes.data[s->node].n_in : 1;
        for (uint32_t k = 0; k < s->n_slots; k++)
            if (s->slots[k] != UINT32_MAX) add_value(l, p, s->slots[k], k >= n_read);
    }
    return x;
}

/* ---- of a profile -------------------------------------------------------------------------------------------- */

static void take_times(cli_launches *x, cli_launch *l, const tn_profile_row *r) {
    l->ns = r->least_ns;
    x->timed = true;
    x->sum_ns += l->ns;
    if (l->ns > x->most_ns) x->most_ns = l->ns;
}

tn_error *cli_launches_of_profile(const cli_graphs *graphs, const tn_profile *profile, cli_launches *out) {
    for (uint32_t i = 0; i < tn_profile_get_count(profile); i++) {
        tn_profile_row r = {.struct_size = sizeof r};
        TN__TRY(tn_profile_get_row(profile, i, &r));
        cli_launch *l = append(out);
        take_row(l, graphs, &r);
        take_times(out, l, &r);
        bool kernel = !strcmp(r.kind, "kernel");
        /* tn__lower_kernel calls those of no node so */
        l->computes = kernel ? r.stages > 1 || !strstr(r.kernel, "_reorder_") : strcmp(r.kind, "copy") && strcmp(r.kind, "check");
        if (!kernel) continue;
        l->kernels = cli_alloc(sizeof *l->kernels);
        l->kernels[l->n_kernels++] = (cli_launch_kernel){cli_printf("%s", r.kernel), TN__NO_NODE, 0};
    }
    return NULL;
}

tn_error *cli_launches_add_times(cli_launches *x, tn_context *context, const tn_profile *profile) {
    uint32_t n = tn_profile_get_count(profile);
    if (n != x->count)
        return TN__FAIL(&context->allocator, INTERNAL, "show --time: the program has %zu steps, its profile %u", x->count, (unsigned)n);
    for (uint32_t i = 0; i < n; i++) {
        tn_profile_row r = {.struct_size = sizeof r};
        TN__TRY(tn_profile_get_row(profile, i, &r));
        cli_launch *l = &x->items[i];
        if (strcmp(r.kind, l->kind) || strcmp(r.kernel, l->title))
            return TN__FAIL(&context->allocator, INTERNAL, "show --time: step %u is %s %s, in the profile %s %s", (unsigned)i, l->kind, l->title, r.kind,
                            r.kernel);
        take_times(x, l, &r);
    }
    return NULL;
}

void cli_launches_free(cli_launches *x) {
    for (size_t i = 0; i < x->count; i++) {
        cli_launch *l = &x->items[i];
        for (uint32_t k = 0; k < l->n_kernels; k++) free(l->kernels[k].symbol);
        free(l->kind), free(l->title), free(l->figures), free(l->nodes), free(l->kernels), free(l->values);
    }
    for (size_t i = 0; i < x->n_reasons; i++) free(x->reasons[i]);
    free(x->items), free(x->report), free(x->reasons);
    *x = (cli_launches){0};
}

/* ---- for people ---------------------------------------------------------------------------------------------- */

const char *cli_launch_name(const cli_launches *x, const cli_launch *launch, char *buffer, size_t bytes) {
    snprintf(buffer, bytes, "%s %" PRIu32, x->what, launch->number);
    return buffer;
}

const char *cli_launches_reason(const cli_launches *x, uint32_t node) { return x && node < x->n_reasons ? x->reasons[node] : NULL; }

int cli_launch_heat(const cli_launches *x, const cli_launch *launch) {
    return x->most_ns ? (int)((double)CLI_HEAT_MOST * (double)launch->ns / (double)x->most_ns + 0.5) : 0;
}

/* Three digits and a prefix: "1.23 M". */
static void put_scaled(char *buffer, size_t bytes, double n, const char *unit) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t p = 0;
    while (n >= 999.5 && p + 1 < sizeof prefixes / sizeof *prefixes) n /= 1000, p++;
    snprintf(buffer, bytes, "%.3g %s%s", n, prefixes[p], unit);
}

const char *cli_launch_figures(const cli_launches *x, const cli_launch *launch, char *buffer, size_t bytes) {
    char flops[32] = "", size[32];
    size_t at = 0;
    snprintf(buffer, bytes, "%s", launch->figures ? launch->figures : "");
    if (launch->figures) return buffer;
    if (x->timed)
        at = (size_t)snprintf(buffer, bytes, "%.2f us, %.1f %%, ", (double)launch->ns * 1e-3,
                              x->sum_ns ? 100 * (double)launch->ns / (double)x->sum_ns : 0);
    if (launch->flops > 0) put_scaled(flops, sizeof flops, launch->flops, "FLOP, ");
    put_scaled(size, sizeof size, (double)launch->bytes, "B");
    if (at < bytes) snprintf(buffer + at, bytes - at, "%s%s", flops, size);
    return buffer;
}
