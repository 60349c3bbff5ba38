/* The null device: accepts every static graph and answers with zeros. It is the template of a device, and measures what a call
 * costs without any computing.
 *
 * A device is one vtable. Its artefact embeds tn__artefact first, is immutable once compile has returned, and holds whatever
 * compile took from the graph (copied, or tensors retained): the graph goes away. run may be called by many threads at once, so
 * whatever changes during a run belongs to that run. */
#include "device/device.h"

typedef struct artefact {
    tn__artefact base;
    tn_context *context; /* retained */
    uint32_t n_outputs;
} artefact;

static tn_error *null_compile(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact) {
    *out_artefact = NULL;
    artefact *f = tn__alloc_zero(&config->context->allocator, sizeof *f);
    if (!f) return tn__error_oom();
    f->base.device = &tn__device_null;
    f->context = config->context;
    tn_context_retain(f->context);
    f->n_outputs = (uint32_t)g->outputs.count;
    *out_artefact = &f->base;
    return NULL;
}

static void null_destroy(tn__artefact *base) {
    artefact *f = (artefact *)base;
    if (!f) return;
    tn_context *c = f->context;
    tn__free(&c->allocator, f, sizeof *f);
    tn_context_release(c);
}

static tn_error *null_run(const tn__artefact *base, tn_tensor *const *in, tn_tensor *const *out) {
    const artefact *f = (const artefact *)base;
    for (uint32_t k = 0; k < f->n_outputs; k++)
        if (out[k]->bytes && out[k]->dtype != TN_DTYPE_string) memset(out[k]->data, 0, out[k]->bytes);
    return NULL;
}

static void null_get_stats(const tn__artefact *base, tn_executable_stats *stats) { (void)base, (void)stats; }

const tn__device_vtable tn__device_null = {"null", null_compile, null_destroy, null_run, null_get_stats, NULL, NULL};
