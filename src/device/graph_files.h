/* Option dump_graphs: what one compilation makes of its graph, as files in a new folder FOLDER/NNNN-NAME.
 *
 *   00-graph.tn          as the device gets it, shapes known, constants whole: `tenon run` takes it
 *   01-PASS.tn, ...      after each pass; a constant of more than 1 KiB is only its size and a hash of its bytes
 *   NN-program.txt       the lowered program
 *
 * NNNN is the first number that is free in the folder, whoever else writes there. */
#ifndef TN_DEVICE_GRAPH_FILES_H
#define TN_DEVICE_GRAPH_FILES_H
#include "device/device.h"

typedef struct tn__dump {
    const tn_allocator *a;
    char *folder; /* NULL: nothing is written */
    uint32_t n;   /* files so far */
} tn__dump;

/* Makes the folder and the first file; nothing without the option, or for a compilation that is only a trial. */
tn_error *tn__dump_begin(const tn__device_config *config, const tn_graph *g, tn__dump *out);
void tn__dump_end(tn__dump *d);
tn_error *tn__dump_pass(void *self, const char *pass, const tn_graph *g); /* self: a tn__dump; of tn__pass_watch */
tn_error *tn__dump_program(tn__dump *d, char *text); /* takes the text, also after an error */
#endif
