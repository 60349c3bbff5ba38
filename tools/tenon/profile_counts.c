#include "profile_counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"

static const char *const names[] = {
#define NAME(name, flag) #name,
    TN__COUNTERS(NAME)
#undef NAME
};

static double mean(const tn_profile_row *row, int which) {
    const uint64_t sums[] = {
#define SUM(name, flag) row->name,
        TN__COUNTERS(SUM)
#undef SUM
    };
    return row->runs ? (double)sums[which] / (double)row->runs : 0;
}

/* Those with the same reason together. */
static void add_missing(json_t *list, const char *name, const char *why) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(o, "why")), why)) continue;
        char *both = cli_printf("%s, %s", json_string_value(json_object_get(o, "counters")), name);
        json_object_set_new(o, "counters", json_string(both));
        free(both);
        return;
    }
    json_array_append_new(list, json_pack("{ss ss}", "counters", name, "why", why));
}

json_t *counts_missing(uint32_t *out_have) {
    tn__os_counters c;
    tn__os_counts counts;
    json_t *list = json_array();
    tn__os_counter_source.open(&c);
    tn__os_counter_source.read(&c, &counts);
    for (int k = 0; k < TN__N_COUNTERS; k++) {
        char why[256];
        if (counts.valid >> k & 1) continue;
        tn__os_counters_explain(&c, k, why, sizeof why);
        add_missing(list, names[k], why);
    }
    tn__os_counter_source.close(&c);
    *out_have = counts.valid;
    return list;
}

void counts_print_missing(const json_t *missing) {
    for (size_t i = 0; i < json_array_size(missing); i++) {
        const json_t *o = json_array_get(missing, i);
        printf("\nnot counted: %s (%s)\n", json_string_value(json_object_get(o, "counters")), json_string_value(json_object_get(o, "why")));
    }
}

void counts_print_header(uint32_t shown) {
    for (int k = 0; k < TN__N_COUNTERS; k++)
        if (shown >> k & 1) printf("%16s ", names[k]);
}

void counts_print(const tn_profile_row *row, uint32_t shown) {
    for (int k = 0; k < TN__N_COUNTERS; k++) {
        if (!(shown >> k & 1)) continue;
        if (row->counted >> k & 1) printf("%16.1f ", mean(row, k));
        else printf("%16s ", "-");
    }
}

json_t *counts_json(const tn_profile_row *row) {
    json_t *o = json_object();
    for (int k = 0; k < TN__N_COUNTERS; k++)
        if (row->counted >> k & 1) json_object_set_new(o, names[k], json_real(mean(row, k)));
    return o;
}
