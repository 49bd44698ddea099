//===- Differentiable.h - Operations with a derivative ----------*- C++ -*-===//

#ifndef MIXLN_INTERFACES_DIFFERENTIABLE_H
#define MIXLN_INTERFACES_DIFFERENTIABLE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include "mixln/Interfaces/Differentiable.h.inc"

#endif // MIXLN_INTERFACES_DIFFERENTIABLE_H
