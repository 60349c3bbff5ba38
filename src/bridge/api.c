/* The table of entry points. Every row is checked against its declaration by the compiler. */
#include "tenon/api.h"

static const tn_api api = {
    sizeof(tn_api),
#define TN_FUNCTION(type, name, parameters) tn_##name,
#include "tenon/api.def"
};

const tn_api *tn_get_api(uint32_t abi_version) { return abi_version == TN_ABI_VERSION ? &api : NULL; }
