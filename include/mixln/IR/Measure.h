//===- Measure.h - Placing measurements -------------------------*- C++ -*-===//

#ifndef MIXLN_IR_MEASURE_H
#define MIXLN_IR_MEASURE_H

#include "mixln/IR/Mixln.h"

#include <string>

namespace mixln {

/// The row program of `measure` on `rows`, in the order of its inputs.
RowwiseOp placeMeasure(mlir::OpBuilder &builder, MeasureOp measure,
                       int64_t domain, mlir::ValueRange rows,
                       llvm::StringRef site, int64_t layer);

/// Instances of one measurement for rows of several widths are called
/// NAME.WIDTH.
llvm::StringRef getMeasureName(MeasureOp measure);

/// Where result `index` of a measurement is stored for the host:
/// measure.REDUCE.NAME.PLACE, for what divides it measure_over.....
std::string getMeasureVariable(MeasureOp measure, const llvm::Twine &place,
                               unsigned index);

/// Whether an input is the gradient of another one.
inline bool isMeasuredGradient(llvm::StringRef input) {
  return input.size() > 1 && input.front() == 'd';
}

} // namespace mixln

#endif // MIXLN_IR_MEASURE_H
