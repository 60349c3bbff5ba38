/* Tenon: the whole public ABI. Typed functions of the ops are in tenon/ops.h, which is inline and large, so it is included for itself. */
#ifndef TENON_TENON_H
#define TENON_TENON_H
#include "tenon/base.h"
#include "tenon/custom_op.h"
#include "tenon/dlpack.h"
#include "tenon/dump.h"
#include "tenon/exec.h"
#include "tenon/graph.h"
#include "tenon/inspect.h"
#include "tenon/onnx.h"
#include "tenon/partition.h"
#include "tenon/profile.h"
#include "tenon/query.h"
#include "tenon/signature.h"
#include "tenon/state.h"
#include "tenon/api.h" /* the last: it names the types of all others */
#endif
