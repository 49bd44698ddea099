//===- PlainDiagnostics.h - Diagnostics for people --------------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_PLAINDIAGNOSTICS_H
#define MIXLN_PIPELINES_PLAINDIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"

namespace mixln {

/// Prints diagnostics to standard error as `WHERE: error: MESSAGE`, WHERE a
/// file with line and column or the name of a location (a key of a config or
/// norm file), and their notes below them. The models here mostly come from
/// JSON, of which MLIR's own handler has no source to show.
class PlainDiagnostics : public mlir::ScopedDiagnosticHandler {
public:
  explicit PlainDiagnostics(mlir::MLIRContext *context);
};

} // namespace mixln

#endif // MIXLN_PIPELINES_PLAINDIAGNOSTICS_H
