//===- Differentiable.cpp - Operations with a derivative ------------------===//

#include "mixln/Interfaces/Differentiable.h"

#include "mixln/Interfaces/Differentiable.cpp.inc"
