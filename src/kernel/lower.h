/* Lowering a static graph to a program. Shared between the files of kernel/lower_*.c only. */
#ifndef TN_KERNEL_LOWER_H
#define TN_KERNEL_LOWER_H
#include "kernel/program.h"

/* How a value lies in memory: row-major, or blocked on axis 1: [n, ceil(c/block), spatial..., block] (pad channels hold finite rubbish). */
typedef struct tn__lower_value {
    int32_t block;     /* 0 row-major */
    uint32_t plain, blocked; /* slots of either form; TN__NO_SLOT */
    uint32_t wide[2];        /* the same as f32, of a value of f16 or bf16: plain, blocked */
} tn__lower_value;
#define TN__NO_SLOT UINT32_MAX

/* A moved value that its users read from where it came from: element index = offset + sum stride[axis] * index[axis] of the source. */
typedef struct tn__lower_view {
    tn_value source;
    tn__kmap map; /* dims are the value's axes */
} tn__lower_view;

typedef struct tn__lower {
    tn_context *c;
    const tn_allocator *a;
    tn__kprogram *p;
    const tn_graph *g;
    int32_t w, registers;
    bool layout, fuse, stages, in_place;
    tn__layout_preference prefers; /* as in tn__lower_config */
    tn_dtype weights;        /* as in tn__lower_config */
    bool tf32;
    double winograd_error;   /* as in tn__lower_config */
    const struct tn__tuning *tuning; /* may be NULL */
    tn__lower_value *values; /* by value id */
    tn__lower_view **views;  /* by value id; NULL: it lies in memory itself */
    uint32_t *group;         /* by node: root node of its group */
    uint32_t *sources;       /* by node: set of the launches that compute it, in the graph's table; NULL: there are none */
    uint32_t source;         /* of the steps made now */
    uint32_t *anchor;        /* by root node: the node that is not elementwise (conv, matmul, reduce, pool), or TN__NO_NODE */
} tn__lower;

/* The kernel being built for one group. */
typedef struct tn__build {
    tn__lower *l;
    tn__kernel *k;
    uint32_t root;
    uint32_t slots[TN__K_BUFFERS];
    int32_t memo_red;                 /* expression of the anchor's result */
    int32_t block;                    /* layout of the root's value */
    int32_t rank;                     /* of the root's logical shape */
    int32_t axis_of_dim[TN__K_DIMS];  /* logical axis that a kernel dim walks, -1: none */
    int64_t mul_of_dim[TN__K_DIMS];   /* an axis split over several dims: index = sum mul * dim */
    int32_t n_memo;
    uint32_t memo_value[TN__K_EXPRS];
    int32_t memo_expr[TN__K_EXPRS];
} tn__build;

uint32_t tn__lower_slot(tn__lower *l, tn__slot_kind kind, size_t bytes); /* TN__NO_SLOT when out of memory */
/* The slot of v in the wanted layout (block 0, or w on `axis` of its own shape): adds a reorder kernel or packs a constant where it is in the other one. */
tn_error *tn__lower_get(tn__lower *l, tn_value v, int32_t block, int32_t axis, uint32_t *out_slot);
/* The same for a value that the hot loop of a product reads element by element: f16 and bf16 are widened once, outside it. *out_dtype is
 * what the slot holds. */
tn_error *tn__lower_get_wide(tn__lower *l, tn_value v, int32_t block, int32_t axis, uint32_t *out_slot, tn_dtype *out_dtype);
/* Gives v its slot in its own layout (made if needed). */
/* A slot of a constant tensor (retained). */
tn_error *tn__lower_constant_slot(tn__lower *l, tn_tensor *t, uint32_t *out_slot);
tn_error *tn__lower_define(tn__lower *l, tn_value v, uint32_t *out_slot);
/* Appends a step; `slots`, s.n_slots of them, are copied, and live at least until it. */
tn_error *tn__lower_step(tn__lower *l, tn__step s, const uint32_t *slots);
/* Adds the kernel to the program, as a stage of a step to come; takes k over. */
tn_error *tn__lower_stage(tn__lower *l, tn__kernel *k, const uint32_t *slots, uint32_t node, tn__stage *out);
/* Adds the kernel as a step; takes k over. */
tn_error *tn__lower_launch(tn__lower *l, tn__kernel *k, const uint32_t *slots, uint32_t node);
/* The same for an elementwise kernel of plain dims, whose schedule is chosen once all kernels are known. Takes k over. */
tn_error *tn__lower_launch_elementwise(tn__lower *l, tn__kernel *k, const uint32_t *slots, uint32_t node);
tn__kernel *tn__lower_kernel(tn__lower *l, const char *stem, uint32_t node);
/* Bytes of a value in a layout. */
size_t tn__lower_bytes(const tn__type *t, int32_t block);

/* May the kernel language hold this elementwise node? */
bool tn__lower_elementwise_ok(const tn_graph *g, const tn__node *n);
/* Sets the layout of every value (tn__lower_value.block). */
tn_error *tn__lower_layouts(tn__lower *l);
bool tn__lower_is_pool(tn__op op);
/* Should a convolution or pool run on row-major values, vectors along lines of pixels (lower_conv_lines.c)? */
typedef enum tn__lines_choice { TN__LINES_NEVER, TN__LINES_BETWEEN_PLAIN, TN__LINES_ALWAYS } tn__lines_choice;
tn__lines_choice tn__lower_lines_choose(const tn__lower *l, const tn__node *n);
tn_error *tn__lower_conv_lines(tn__lower *l, uint32_t root, const tn__node *n);
/* A node that a kernel computes with a reduction, by lower_{conv,matmul,reduce}. */
bool tn__lower_anchor_ok(const tn__lower *l, const tn__node *n);

/* Expression of value v over the kernel's dims, inlining nodes of the group; -1 after an error in *e. */
int32_t tn__build_expr(tn__build *b, tn_value v, tn_error **e);
/* A buffer of the kernel for this slot. */
int32_t tn__build_buffer(tn__build *b, uint32_t slot, tn_dtype dtype);
/* Appends a kernel dim that walks `axis` (-1: none) by mul; returns it. */
int32_t tn__build_dim(tn__build *b, int64_t extent, int32_t axis, int64_t mul);
/* Kernel dims from a logical shape: one per axis; blocked: channel blocks, ..., lanes. Spatial only. */
void tn__build_axes(tn__build *b, const tn__type *shape, int32_t block);
/* Epilogue from the root's value (the anchor's result is memo_red), output buffer and map. */
tn_error *tn__build_epilogue(tn__build *b);

/* Gives the program's launches their final form: schedules of elementwise kernels, grids, lifetimes of slots. After the walk. */
tn_error *tn__lower_schedule(tn__lower *l);
/* Lets results take over operands that end with them (in_place.c). Lifetimes must be known; they are kept so. */
void tn__lower_in_place(tn__kprogram *p);
/* Finds p->aliases. Lifetimes must be known. */
tn_error *tn__lower_aliases(tn__lower *l);

/* left * right, the body of a product, as option precision wants operands of that type; says so in k unless k says it already. */
int32_t tn__lower_product(const tn__lower *l, tn__kernel *k, tn_dtype dtype, int32_t left, int32_t right);

/* Cycles of one reduction step of a tile: fused multiply-adds and loads at two a cycle, four cycles of latency. */
double tn__lower_step_cost(int64_t rows, int32_t nv);
/* Register tile (rows x vectors) of least cost for `rows` rows and `vectors` vectors of results. */
void tn__lower_choose_tile(int64_t rows, int64_t vectors, int32_t registers, int32_t most_rows, bool divisors_only, int32_t *out_mr,
                           int32_t *out_nv);
/* An operand of the root's group broadcasts along some but not all axes from `from_axis` on: those axes cannot be walked as one. */
bool tn__lower_partly_broadcast(const tn__lower *l, uint32_t root, int32_t from_axis);

tn_error *tn__lower_group_elementwise(tn__lower *l, uint32_t root);
tn_error *tn__lower_conv(tn__lower *l, uint32_t root, const tn__node *n);
tn_error *tn__lower_pool(tn__lower *l, uint32_t root, const tn__node *n);
tn_error *tn__lower_matmul(tn__lower *l, uint32_t root, const tn__node *n);
tn_error *tn__lower_reduce(tn__lower *l, uint32_t root, const tn__node *n);
/* f32 to an 8-bit quantised value (in i32): x + zero rounded half to even within the range of dtype; NaN becomes its least value. */
int32_t tn__build_saturate(tn__build *b, int32_t x, int32_t zero, tn_dtype dtype);
/* transpose, slice or expand as a map from the result's axes to elements of operand 0; false: another op, or a slice by run-time numbers. */
bool tn__lower_move_map(const tn_graph *g, const tn__node *n, tn__kmap *out);
/* reshape and the like: another name for the same memory. */
bool tn__lower_is_alias(tn__op op);
/* Fills l->sources. After the views. */
tn_error *tn__lower_sources(tn__lower *l, tn__arena *arena);
/* Whoever writes the slot does what the present node would do. */
tn_error *tn__lower_give_source(tn__lower *l, uint32_t slot);
/* Carries that out; between the walk and tn__lower_schedule. */
tn_error *tn__lower_take_sources(tn__lower *l);
/* Finds the moved values that need no copy (views). After the groups. */
tn_error *tn__lower_views(tn__lower *l, tn__arena *arena);
/* transpose, slice, expand, pad (constant), concat, split piece: affine copies. *out_done false: not for kernels. */
tn_error *tn__lower_move(tn__lower *l, uint32_t node, bool *out_done);
/* lstm, gru, rnn: a product of all steps with W, then a loop over time. *out_done false: stays a call. */
tn_error *tn__lower_recurrent(tn__lower *l, uint32_t node, bool *out_done);
/* scatter_nd and scatter_elements with constant indices of a regular region. *out_done false: stays a call. */
tn_error *tn__lower_scatter(tn__lower *l, uint32_t node, bool *out_done);
#endif
