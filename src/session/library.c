/* Listing the devices and options of this library. */
#include "tenon/inspect.h"

#include "device/device.h"
#include "session/options.h"

uint32_t tn_library_get_device_count(void) {
    uint32_t n = 0;
    while (tn__device_get(n)) n++;
    return n;
}

const char *tn_library_get_device_name(uint32_t device) {
    const tn__device_vtable *d = tn__device_get(device);
    return d ? d->name : NULL;
}

uint32_t tn_library_get_option_count(void) { return TN__OPTION_COUNT; }

tn_error *tn_library_get_option(uint32_t option, tn_option_info *out_info) {
    static const tn_option_type types[] = {[TN__OPTION_TYPE_CHOICE] = TN_OPTION_CHOICE, [TN__OPTION_TYPE_INT] = TN_OPTION_INT,
                                           [TN__OPTION_TYPE_TEXT] = TN_OPTION_TEXT, [TN__OPTION_TYPE_REAL] = TN_OPTION_REAL,
                                           [TN__OPTION_TYPE_LIST] = TN_OPTION_LIST};
    TN__STRUCT_CHECK(out_info);
    if (option >= TN__OPTION_COUNT) return TN__FAIL(NULL, OUT_OF_RANGE, "tn_library_get_option: option %u of %d", option, TN__OPTION_COUNT);
    const tn__option_info *o = &tn__option_infos[option];
    tn_option_info info = {.name = o->name, .type = types[o->type], .default_text = o->default_text, .low = o->low, .high = o->high,
                           .choices = o->choices, .help = o->help};
    TN__STRUCT_WRITE(out_info, &info);
    return NULL;
}
