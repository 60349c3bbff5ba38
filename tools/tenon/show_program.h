/* What device cpu makes of a graph under the library's options, short of running it: for `tenon show`. */
#ifndef TENON_TOOL_SHOW_PROGRAM_H
#define TENON_TOOL_SHOW_PROGRAM_H
#include "cli.h"
#include "launches.h"
#include "pass/pass.h"
#include "session/session.h"

typedef enum pass_kind { NO_PASS, GRAPH_PASS, LOWER_PASS } pass_kind;
pass_kind pass_kind_of(const char *name);

/* The options of the target, as verbs that run a model have them. `last` (NULL: all passes) is the last choice of the lowering that is made,
 * or a pass over graphs. Schedules are taken from a file, never searched for. */
tn_error *show_options_create(tn_context *c, const cli_target *target, const char *last, tn_options **out);
/* Those with which the cpu device compiles; other devices have no kernels to show. */
tn_error *show_settings_create(tn_context *c, const tn_options *options, tn__settings **out);

/* An error that names a value whose shape is not known. */
tn_error *show_check_static(tn_context *c, const tn_graph *g);
/* The program of a graph whose shapes are all known. out_launches may be NULL. */
tn_error *show_program_create(const tn__device_config *config, const tn_graph *g, cli_launches *out_launches, tn__kprogram **out);
/* LLVM IR or assembly of a kernel, and the program whole; free with tn__strfree. */
tn_error *show_kernel_text(const tn__device_config *config, const tn_graph *g, int64_t index, bool assembly, char **out_text);
tn_error *show_program_text(const tn__device_config *config, const tn_graph *g, char **out_text);
/* The program's figures, and of each kernel where it comes from. */
tn_error *show_program_json(const tn__device_config *config, const tn_graph *g, json_t **out);
#endif
