/* The topology of this machine, once for each context that asks. */
#ifndef TN_RT_TOPOLOGY_SHARED_H
#define TN_RT_TOPOLOGY_SHARED_H
#include "base/context.h"
#include "base/os_topology.h"

/* Borrowed from the context. UNSUPPORTED where this build or this system cannot say. */
tn_error *tn__topology_of(tn_context *c, const tn__topology **out);
#endif
