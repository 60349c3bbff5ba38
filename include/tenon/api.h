/* Tenon: the table of all entry points, for callers that load the library with dlopen and link nothing.
 *
 *     void *library = dlopen("libtenon.so.0", RTLD_NOW | RTLD_LOCAL);
 *     tn_get_api_fn *get = (tn_get_api_fn *)dlsym(library, "tn_get_api");
 *     const tn_api *api = get ? get(TN_ABI_VERSION) : NULL;
 *     if (!api) ...: no library, or one that speaks another ABI
 *     tn_error *error = api->context_create(NULL, &context);
 *
 * Rows are only ever appended. A caller that was built with this header may find an older library, whose table is shorter: it asks
 * TN_API_HAS before it uses what is newer than the oldest library it wants to work with. An older caller never sees the rows
 * that a newer library has more. Several copies or versions of the library may be loaded at once (RTLD_LOCAL): each has its own
 * table, and an object is only for the copy that made it. Close a library when all of its objects have been released. */
#ifndef TENON_API_H
#define TENON_API_H

#include "tenon/tenon.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes only when old programs would break: a function or field that is taken away or means something else. */
#define TN_ABI_VERSION 1u

/* Member NAME points to tn_NAME. */
typedef struct tn_api {
    size_t struct_size; /* of the table of the library that was loaded */
#define TN_FUNCTION(type, name, parameters) type(*name) parameters;
#include "tenon/api.def"
} tn_api;

/* Does the loaded library have entry `name`? */
#define TN_API_HAS(api, name) ((api)->struct_size >= offsetof(tn_api, name) + sizeof((api)->name))

/* The table of this library, which lives as long as the library is loaded; NULL when it does not speak `abi_version`. Thread-safe. */
TN_API const tn_api *tn_get_api(uint32_t abi_version);
typedef const tn_api *tn_get_api_fn(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif
