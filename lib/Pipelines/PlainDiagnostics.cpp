//===- PlainDiagnostics.cpp - Diagnostics for people ----------------------===//

#include "mixln/Pipelines/PlainDiagnostics.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

/// `loc` as a prefix with a colon, or nothing.
static std::string describe(Location loc) {
  return llvm::TypeSwitch<Location, std::string>(loc)
      .Case([](FileLineColLoc file) {
        return llvm::formatv("{0}:{1}:{2}: ", file.getFilename().getValue(),
                             file.getLine(), file.getColumn())
            .str();
      })
      .Case([](NameLoc name) { return name.getName().str() + ": "; })
      .Case([](FusedLoc fused) {
        return fused.getLocations().empty()
                   ? std::string()
                   : describe(fused.getLocations().front());
      })
      .Case([](CallSiteLoc call) { return describe(call.getCallee()); })
      .Default([](Location) { return std::string(); });
}

static StringRef severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("unknown severity");
}

static void print(Diagnostic &diagnostic) {
  llvm::errs() << describe(diagnostic.getLocation())
               << severityName(diagnostic.getSeverity()) << ": "
               << diagnostic.str() << "\n";
  // MLIR appends the whole operation at fault, a screen full of it.
  for (Diagnostic &note : diagnostic.getNotes())
    if (!StringRef(note.str()).starts_with("see current operation"))
      print(note);
}

mixln::PlainDiagnostics::PlainDiagnostics(MLIRContext *context)
    : ScopedDiagnosticHandler(context) {
  setHandler([](Diagnostic &diagnostic) {
    print(diagnostic);
    return success();
  });
}
