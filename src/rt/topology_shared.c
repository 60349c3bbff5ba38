#include "rt/topology_shared.h"

typedef struct machine {
    tn__os_mutex mutex;
    tn__topology *topology; /* NULL: nobody has asked, or it failed */
} machine;

static bool machine_init(tn_context *c, void *object) {
    (void)c;
    return tn__os_mutex_init(&((machine *)object)->mutex);
}

static void machine_deinit(tn_context *c, void *object) {
    (void)c;
    tn__topology_destroy(((machine *)object)->topology);
    tn__os_mutex_deinit(&((machine *)object)->mutex);
}

static const tn__shared_kind machine_kind = {sizeof(machine), machine_init, machine_deinit};

tn_error *tn__topology_of(tn_context *c, const tn__topology **out) {
    *out = NULL;
    machine *m = tn__context_get_shared(c, &machine_kind);
    if (!m) return tn__error_oom();
    tn__os_mutex_lock(&m->mutex);
    tn_error *e = m->topology ? NULL : tn__topology_create(&c->allocator, NULL, &m->topology);
    *out = m->topology;
    tn__os_mutex_unlock(&m->mutex);
    return e;
}
