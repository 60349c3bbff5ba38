/* Fuzzes what the cpu device does with a graph before machine code is made: passes, lowering, schedules, the memory plan. The input is the
 * text form of a graph whose shapes are known. Of the program: each slot lies in the arena, and no two that live at once overlap. */
#include <stdlib.h>
#include <string.h>

#include "kernel/program.h"
#include "pass/pass.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool can_lower(const tn_graph *g) {
    for (size_t i = 1; i < g->values.count; i++)
        if (!tn__type_is_static(&g->values.data[i].type) || g->values.data[i].type.dtype == TN_DTYPE_string) return false;
    for (size_t i = 0; i < g->nodes.count; i++)
        if (tn__op_infos[g->nodes.data[i].op].flags & (TN__OP_CONTROL | TN__OP_DATADEP)) return false;
    return true;
}

static void check_plan(const tn__kprogram *p) {
    for (size_t i = 0; i < p->slots.count; i++) {
        const tn__slot *s = &p->slots.data[i];
        if (s->kind != TN__SLOT_ARENA || s->first < 0) continue;
        if (s->offset > p->arena_bytes || s->bytes > p->arena_bytes - s->offset) abort();
        for (size_t k = 0; k < i; k++) {
            const tn__slot *t = &p->slots.data[k];
            if (t->kind != TN__SLOT_ARENA || t->first < 0 || s->last < t->first || t->last < s->first) continue;
            if (s->bytes && t->bytes && s->offset < t->offset + t->bytes && t->offset < s->offset + s->bytes) abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tn_limits limits = {.struct_size = sizeof limits, .max_bytes = 1 << 18, .max_elements = 1 << 14,
                              .max_nodes = 1 << 8, .max_depth = 4};
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    char *source = malloc(size + 1);
    if (!source) return 0;
    if (size) memcpy(source, data, size);
    source[size] = 0;
    tn_context *context = NULL;
    tn_graph *graph = NULL, *own = NULL;
    tn__kprogram *program = NULL;
    const bool wide = size % 2;
    const tn__lower_config config = {.lanes = wide ? 16 : 8, .registers = wide ? 32 : 16, .layout = true, .fuse = true,
                                     .stages = size % 3 != 0, .in_place = size % 5 != 0, .winograd_error = size % 7 ? 1 : 0,
                                     .prefers = (tn__layout_preference)(size % 11 % 3)};
    tn_error *error = tn_context_create(&options, &context);
    if (!error) error = tn_graph_parse(context, source, &graph);
    if (!error && can_lower(graph)) {
        error = tn__passes_run(graph, NULL, NULL, NULL, &own);
        if (!error) error = tn__kprogram_create(context, own, &config, &program);
        if (!error) check_plan(program);
    }
    tn_error_destroy(error);
    tn__kprogram_destroy(program);
    tn_graph_release(graph);
    tn_context_release(context);
    free(source);
    return 0;
}
