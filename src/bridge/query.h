/* What the files of tn_query share: a question about a node, and what is remembered of its answer. */
#ifndef TN_BRIDGE_QUERY_H
#define TN_BRIDGE_QUERY_H
#include "session/session.h"
#include "tenon/query.h"

enum { TN__QUERY_SYMBOLS = 64 }; /* of one node; more count as unknown dimensions */

typedef struct tn__operand {
    tn__type type;       /* dtype NONE: absent */
    tn_tensor *constant; /* borrowed, or NULL */
} tn__operand;

typedef struct tn__question {
    tn_context *context;
    tn_options *options;
    tn__arena *arena;
    tn__op op;
    const void *attrs;
    const tn__operand *in;
    uint32_t n_in, n_out;
    int64_t symbols[TN__QUERY_SYMBOLS]; /* the caller's numbers */
    uint32_t n_symbols;
} tn__question;

/* What is remembered of an answer. */
typedef struct tn__verdict {
    bool supported, policy;
    uint32_t n_types;
    uint64_t static_inputs;
    const tn_value_type *types; /* n_types */
    const char *why;
} tn__verdict;

/* Large weights stand for any weights of their type. */
bool tn__query_keeps_constant(const tn__question *q, uint32_t k);
/* `e` becomes a "no", unless it is no answer at all. */
tn_error *tn__query_refuse(tn__question *q, tn__verdict *v, tn_error *e);
/* Answers into *v; `depth`: of sub-graphs around the node. */
tn_error *tn__query_ask(tn__question *q, uint32_t depth, tn__verdict *v);
#endif
