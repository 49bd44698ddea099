//===- Measurements.h - Measurements of gradients and parameters *- C++ -*-===//

#ifndef MIXLN_TRANSFORMS_DIFFERENTIATE_MEASUREMENTS_H
#define MIXLN_TRANSFORMS_DIFFERENTIATE_MEASUREMENTS_H

#include "mixln/IR/Mixln.h"

namespace mixln {

/// Puts the measurements that read gradients behind the backward of `entry`.
/// `gradientOf` gives the cotangent of a value of the forward, or null. Fails
/// with a diagnostic where a measurement is not only stored.
llvm::LogicalResult
placeMeasurements(EntryOp entry,
                  llvm::function_ref<mlir::Value(mlir::Value)> gradientOf);

/// Fills an entry with what is measured of parameters: `ofUpdates` what reads
/// the latest update, else the rest. `declare` declares an output.
void buildParameterMeasurements(
    EntryOp entry, llvm::ArrayRef<VariableOp> parameters, bool ofUpdates,
    llvm::function_ref<void(llvm::StringRef, int64_t)> declare);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_DIFFERENTIATE_MEASUREMENTS_H
