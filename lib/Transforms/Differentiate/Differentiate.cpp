//===- Differentiate.cpp - Forward to forward, backward and update --------===//
//
// Before:
//
//   mixln.variable @w : tensor<4xf32> parameter
//   mixln.entry @loss { ... mixln.store %loss, @loss_sum }
//
// After, beside the above:
//
//   mixln.variable @grad.w : tensor<4xf32> gradient of @w
//   mixln.variable @adam_m.w, @adam_v.w : tensor<4xf32> moment of @w
//   mixln.entry @prepare {}
//   mixln.entry @gradient { ... the forward, then
//     %seed = mixln.load @loss_scale
//     ... mixln.store %dw, @grad.w }
//   mixln.entry @gradient_add { ... the same, starting from @grad.w }
//   mixln.entry @update { ... reads @grad.w, steps @w, @adam_m.w, @adam_v.w }
//   mixln.entry @gradient.measured { ... `loss.measured` and its backward }
//   mixln.entry @gradient_norms { ... stores @layer_grad_norm }
//   mixln.entry @measured.parameters { ... what is measured of weights and
//                                          their gradients }
//   mixln.entry @measured.updates { ... of what the latest update added }
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Differentiate/Backward.h"
#include "mixln/Transforms/Differentiate/Measurements.h"
#include "mixln/Transforms/Differentiate/Optimizers.h"
#include "mixln/Transforms/Passes.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNDIFFERENTIATE
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {

struct Differentiate : mixln::impl::MixlnDifferentiateBase<Differentiate> {
  void runOnOperation() override;

private:
  /// Declares @name unless it is there.
  VariableOp declare(const Twine &name, RankedTensorType type, Role role,
                     VariableOp of = {});
  void declareVariables();
  /// A new entry before `before`: empty, or a copy of `forward`.
  EntryOp addEntry(StringRef name, Operation *before, EntryOp forward = {});
  FailureOr<EntryOp> addGradient(StringRef name, Operation *before,
                                 EntryOp forward, bool accumulate);

  SmallVector<VariableOp> parameters;
  int64_t layers = 0;
  /// Where new variables go.
  Operation *variablesEnd = nullptr;
};

} // namespace

VariableOp Differentiate::declare(const Twine &twine, RankedTensorType type,
                                  Role role, VariableOp of) {
  std::string name = twine.str();
  if (auto existing = getOperation().lookupSymbol<VariableOp>(name))
    return existing;
  OpBuilder builder(variablesEnd);
  InitAttr init;
  FlatSymbolRefAttr parent;
  if (role == Role::Gradient || role == Role::Moment) {
    init = InitAttr::get(&getContext(), InitKind::Constant, 0.0);
    parent = FlatSymbolRefAttr::get(of.getSymNameAttr());
  }
  return VariableOp::create(builder, of ? of.getLoc() : variablesEnd->getLoc(),
                            name, type, role, init, parent,
                            /*parameter_class=*/nullptr, /*lr_mult=*/nullptr,
                            /*decay=*/nullptr);
}

void Differentiate::declareVariables() {
  Type f32 = Float32Type::get(&getContext());
  auto one = RankedTensorType::get({1}, f32);
  auto like = [&](VariableOp parameter) {
    return cast<RankedTensorType>(parameter.getType()).clone(f32);
  };
  for (VariableOp parameter : parameters)
    declare("grad." + parameter.getSymName(), like(parameter), Role::Gradient,
            parameter);
  for (VariableOp parameter : parameters) {
    declare("adam_m." + parameter.getSymName(), like(parameter), Role::Moment,
            parameter);
    declare("adam_v." + parameter.getSymName(), like(parameter), Role::Moment,
            parameter);
  }
  declare("loss_scale", one, Role::Scalar);
  for (VariableOp parameter : parameters)
    for (StringRef table : {"lr.", "decay.", "decoupled_decay."})
      declare(table + getParameterClass(parameter), one, Role::Scalar);
  for (StringRef name : {"beta1", "beta2", "eps", "bias_correction1",
                         "bias_correction2", "max_grad_norm"})
    declare(name, one, Role::Scalar);
  declare("grad_norm", one, Role::Output);
  if (layers > 0)
    declare("layer_grad_norm", RankedTensorType::get({layers}, f32),
            Role::Output);
}

EntryOp Differentiate::addEntry(StringRef name, Operation *before,
                                EntryOp forward) {
  OpBuilder builder(&getContext());
  if (before)
    builder.setInsertionPoint(before);
  else
    builder.setInsertionPointToEnd(getOperation().getBody());
  if (forward) {
    auto copy = cast<EntryOp>(builder.clone(*forward));
    copy.setSymName(name);
    return copy;
  }
  auto entry = EntryOp::create(builder, getOperation().getLoc(), name);
  entry.getBody().emplaceBlock();
  return entry;
}

FailureOr<EntryOp> Differentiate::addGradient(StringRef name, Operation *before,
                                              EntryOp forward,
                                              bool accumulate) {
  EntryOp entry = addEntry(name, before, forward);
  if (failed(appendBackward(entry, accumulate)))
    return failure();
  return entry;
}

void Differentiate::runOnOperation() {
  ModuleOp module = getOperation();
  auto loss = module.lookupSymbol<EntryOp>("loss");
  if (!loss) {
    module.emitError("module has no entry @loss to differentiate");
    return signalPassFailure();
  }
  for (VariableOp variable : module.getOps<VariableOp>())
    if (variable.getRole() == Role::Parameter) {
      parameters.push_back(variable);
      layers = std::max(layers, getLayerOf(variable) + 1);
    }
  for (EntryOp entry : module.getOps<EntryOp>()) {
    variablesEnd = entry;
    break;
  }
  declareVariables();

  addEntry("prepare", loss);
  if (failed(addGradient("gradient", loss, loss, /*accumulate=*/false)) ||
      failed(addGradient("gradient_add", loss, loss, /*accumulate=*/true)))
    return signalPassFailure();
  buildUpdate(addEntry("update", loss), parameters);
  if (auto measured = module.lookupSymbol<EntryOp>("loss.measured")) {
    if (failed(addGradient("gradient.measured", measured, measured,
                           /*accumulate=*/false)))
      return signalPassFailure();
    measured.erase();
  }
  if (layers > 0)
    buildGradientNorms(addEntry("gradient_norms", /*before=*/nullptr),
                       parameters, layers);
  auto declareOutput = [&](StringRef name, int64_t size) {
    declare(name,
            RankedTensorType::get({size}, Float32Type::get(&getContext())),
            Role::Output);
  };
  auto measures = llvm::to_vector(module.getOps<MeasureOp>());
  if (!measures.empty())
    for (bool ofUpdates : {false, true})
      buildParameterMeasurements(
          addEntry(ofUpdates ? "measured.updates" : "measured.parameters",
                   /*before=*/nullptr),
          parameters, ofUpdates, declareOutput);
  for (MeasureOp measure : measures)
    measure.erase();
}
