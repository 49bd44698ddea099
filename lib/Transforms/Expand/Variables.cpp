//===- Variables.cpp - Declares the variables of a model ------------------===//

#include "Variables.h"
#include "mixln/Frontend/Naming.h"

using namespace mlir;
using namespace mixln;

LogicalResult Variables::declare(Location loc, StringRef name,
                                 RankedTensorType type, Role role,
                                 InitAttr init, StringRef parameterClass,
                                 double lrMult, bool decay) {
  if (VariableOp known = variables.lookup(name)) {
    if (known.getType() == type && known.getInitAttr() == init)
      return success();
    InFlightDiagnostic diag = emitError(loc)
                              << "parameter '" << name << "' of type " << type
                              << " starting as " << init
                              << " is shared with one of type "
                              << known.getType() << " starting as "
                              << known.getInitAttr();
    diag.attachNote(known.getLoc()) << "the other one";
    return diag;
  }
  auto variable = VariableOp::create(
      builder, loc, name, type, role, init, FlatSymbolRefAttr(),
      parameterClass.empty() ? StringAttr()
                             : builder.getStringAttr(parameterClass),
      lrMult == 1 ? FloatAttr() : builder.getF64FloatAttr(lrMult),
      decay ? BoolAttr() : builder.getBoolAttr(false));
  variables[name] = variable;
  return success();
}

LogicalResult Variables::declare(Location loc, const WiringParam &param,
                                 int64_t layer) {
  int64_t size = 1;
  if (auto row = dyn_cast<VectorType>(param.type))
    size = row.getDimSize(0);
  return declare(loc, atLayer(param.name, layer), f32({size}), Role::Parameter,
                 init(InitKind::Constant, param.init), param.parameterClass,
                 param.lrMult, param.decay);
}
