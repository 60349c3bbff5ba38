/* Tenon: the whole public ABI. */
#ifndef TENON_TENON_H
#define TENON_TENON_H
#include "tenon/base.h"
#include "tenon/dlpack.h"
#include "tenon/exec.h"
#include "tenon/graph.h"
#include "tenon/onnx.h"
#include "tenon/partition.h"
#include "tenon/api.h" /* the last: it names the types of all others */
#endif
