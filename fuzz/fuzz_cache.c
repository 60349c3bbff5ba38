/* Fuzzes the check of code cache entries. Byte 0: whether the rest is an entry as it stands, or an object to be wrapped in a right
 * header and then changed at one place. */
#include <stdlib.h>
#include <string.h>

#include "codegen/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const tn__cache_key key = {{0x0706050403020100u, 0x0f0e0d0c0b0a0908u}};
    if (size < 5) return 0;
    bool wrap = data[0] & 1;
    unsigned flip = 1u << (data[0] >> 1 & 7);
    size_t place = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
    data += 4, size -= 4;
    size_t bytes = wrap ? size + TN__CACHE_HEADER : size;
    unsigned char *entry = malloc(bytes); /* of exactly this size, for the address sanitizer */
    if (!entry) return 0;
    const void *object;
    size_t object_bytes;
    if (wrap) {
        tn__cache_header(&key, data, size, entry);
        memcpy(entry + TN__CACHE_HEADER, data, size);
        if (tn__cache_check(&key, entry, bytes, &object, &object_bytes)) abort();
        if (object_bytes != size || memcmp(object, data, size)) abort();
        entry[place % bytes] ^= (unsigned char)flip;
        if (!tn__cache_check(&key, entry, bytes, &object, &object_bytes)) abort(); /* one changed bit always shows */
    } else {
        memcpy(entry, data, size);
        if (!tn__cache_check(&key, entry, bytes, &object, &object_bytes)) /* accepted: lies within */
            if (!object_bytes || object != entry + TN__CACHE_HEADER || object_bytes != bytes - TN__CACHE_HEADER) abort();
    }
    if (object && (object_bytes > bytes || (const unsigned char *)object < entry)) abort();
    free(entry);
    return 0;
}
