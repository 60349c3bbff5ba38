/* The devices this build has, by name. */
#include "device/device.h"
#include "rt/strided.h"

static const tn__device_vtable *const devices[] = {&tn__device_cpu, &tn__device_ref, &tn__device_null};

const tn__device_vtable *tn__device_get(uint32_t index) { return index < sizeof devices / sizeof *devices ? devices[index] : NULL; }

const tn__device_vtable *tn__device_find(const char *name) {
    const tn__device_vtable *d = NULL;
    for (uint32_t i = 0; name && (d = tn__device_get(i)) && strcmp(d->name, name);) i++;
    return d;
}

tn_error *tn__tensor_assign(tn_tensor *dst, const tn_tensor *src) {
    const tn_allocator *a = &dst->context->allocator;
    tn__tensor_settle(src);
    if (dst == src || (dst->data == src->data && !dst->strides && !src->strides)) return NULL;
    if (dst->dtype != TN_DTYPE_string) {
        tn__tensor_copy_elements(dst, src);
        return NULL;
    }
    char **to = dst->data, *const *from = src->data;
    for (int64_t i = 0; i < dst->elements; i++) {
        char *copy = from[i] ? tn__strdup(a, from[i]) : NULL;
        if (from[i] && !copy) return tn__error_oom();
        if (dst->owns_data) tn__strfree(a, to[i]); /* texts in a borrowed buffer are its owner's */
        to[i] = copy;
    }
    return NULL;
}
