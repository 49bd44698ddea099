//===- Dialect.cpp - The mixln dialect ------------------------------------===//

#include "mixln/IR/Joined.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

#include "mixln/IR/MixlnDialect.cpp.inc"
#include "mixln/IR/MixlnEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mixln/IR/MixlnAttributes.cpp.inc"

void MixlnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mixln/IR/MixlnAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "mixln/IR/MixlnOps.cpp.inc"
      ,
#define GET_OP_LIST
#include "mixln/IR/JoinedOp.cpp.inc"
      >();
}
