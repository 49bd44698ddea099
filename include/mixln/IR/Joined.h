//===- Joined.h - A product and its reader ----------------------*- C++ -*-===//
//
// An operation that only the plan and what follows it know, in a header of its
// own.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_JOINED_H
#define MIXLN_IR_JOINED_H

#include "mixln/IR/Mixln.h"

#define GET_OP_CLASSES
#include "mixln/IR/JoinedOp.h.inc"

#endif // MIXLN_IR_JOINED_H
