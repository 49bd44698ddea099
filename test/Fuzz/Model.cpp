//===- Model.cpp - IR at the end of the import phase ----------------------===//

#include "Memory.h"
#include "mixln/Frontend/ReadModule.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

using namespace mixln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler ignore(
      &context, [](mlir::Diagnostic &) { return llvm::success(); });
  context.loadDialect<MixlnDialect, mlir::arith::ArithDialect,
                      mlir::math::MathDialect, mlir::tensor::TensorDialect,
                      mlir::vector::VectorDialect>();
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto module = parseModule(text, "input.mlir", &context);
  if (!module)
    return 0;
  mlir::PassManager manager(&context);
  manager.addPass(createMixlnExpand());
  if (succeeded(manager.run(*module))) {
    // Printing walks everything that came out.
    std::string printed;
    llvm::raw_string_ostream stream(printed);
    module->print(stream);
  }
  return 0;
}
