/* The bridge from minifw to Tenon: a recorder that compiles what Tenon knows and leaves the rest to the framework. */
#ifndef MINIFW_BRIDGE_H
#define MINIFW_BRIDGE_H
#include "minifw.h"

/* Plans made; calls of Tenon; nodes run by the framework. */
typedef struct fw_bridge_counts { uint64_t plans, calls, fallbacks; } fw_bridge_counts;
typedef struct fw_bridge fw_bridge; /* for the one thread that uses its framework object */
/* Becomes the recorder of `f` (borrowed); NULL: fw_error(f) tells why. disabled_ops (borrowed): comma-separated names of ops that
 * stay with the framework, or NULL; require: a node that stays is an error; say: takes lines for the user, NULL: to stderr. */
fw_bridge *fw_bridge_create(fw *f, const char *disabled_ops, bool require, void (*say)(const char *line));
void fw_bridge_destroy(fw_bridge *b); /* between steps; NULL is allowed */
fw_bridge_counts fw_bridge_get_counts(const fw_bridge *b);
#endif
