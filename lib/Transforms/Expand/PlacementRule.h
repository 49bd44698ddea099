//===- PlacementRule.h - What a placement means -----------------*- C++ -*-===//

#ifndef MIXLN_LIB_TRANSFORMS_EXPAND_PLACEMENTRULE_H
#define MIXLN_LIB_TRANSFORMS_EXPAND_PLACEMENTRULE_H

#include "mixln/Frontend/Naming.h"
#include "mixln/Frontend/Wiring.h"

namespace mixln {

/// One sub-layer of the model.
struct SubLayer {
  mutable ModelOp model;
  mlir::Location loc;
  PlacementAttr placement;
  SubLayerSites sites;
};

/// The sites that name the parameters of a block's two sub-layers; of keys
/// alone: norms in formulas say their names.
SubLayerSites sitesOf(PlacementAttr attention, PlacementAttr own, bool isMlp);

/// Fills `wiring` with what the branch reads: c * in(read).
mlir::LogicalResult buildRead(const SubLayer &subLayer, Wiring &wiring);

/// Fills `wiring` with the streams after the branch's output F:
/// post(gp(a * skip + b * br(F))) for the first one.
mlir::LogicalResult buildCombine(const SubLayer &subLayer, Wiring &wiring);

/// A norm inside the branch, on the row `x` of `width` columns.
mlir::LogicalResult buildInner(const SubLayer &subLayer, llvm::StringRef site,
                               int64_t width, Wiring &wiring);

/// The placement of the model's ends of that name, or null.
PlacementOp lookupPlacement(ModelOp model, llvm::StringRef name);

} // namespace mixln

#endif // MIXLN_LIB_TRANSFORMS_EXPAND_PLACEMENTRULE_H
