//===- MixlnOps.td - Every operation of the dialect --------*- tablegen -*-===//

#ifndef MIXLN_IR_MIXLNOPS
#define MIXLN_IR_MIXLNOPS

include "mixln/IR/ModelOps.td"
include "mixln/IR/RowwiseOp.td"
include "mixln/IR/TensorOps.td"
include "mixln/IR/PlanOps.td"
include "mixln/IR/JoinedOp.td"

#endif // MIXLN_IR_MIXLNOPS
