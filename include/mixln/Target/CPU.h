//===- CPU.h - From kernels to machine code ---------------------*- C++ -*-===//
//
// A module of kernels (scf, arith, math, vector, llvm) becomes LLVM IR, an
// object file, or code in this process.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TARGET_CPU_H
#define MIXLN_TARGET_CPU_H

#include "mixln/Support/TargetInfo.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mixln {

/// The dialects that kernels are written in and their translations. A context
/// whose modules are compiled must have been made with them.
void registerKernelDialects(mlir::DialectRegistry &registry);

/// Replaces everything in `module` by the llvm dialect. Functions of math
/// become polynomials (relative error about 1e-6 and better).
llvm::LogicalResult lowerKernelsToLLVM(mlir::ModuleOp module);

/// Optimises (O3) a module that `lowerKernelsToLLVM` has seen, and writes it as
/// a position-independent object file for the CPU. With `text`, also writes
/// the optimised LLVM IR there.
llvm::Expected<llvm::SmallVector<char, 0>>
emitObject(mlir::ModuleOp module, const TargetInfo &target,
           std::string *text = nullptr);

/// Both of the above.
llvm::Expected<llvm::SmallVector<char, 0>>
compileKernels(mlir::ModuleOp module, const TargetInfo &target);

/// Kernels loaded into this process.
class KernelJit {
public:
  static llvm::Expected<std::unique_ptr<KernelJit>>
  create(llvm::ArrayRef<char> object);
  ~KernelJit();

  /// Address of a phase; cast it to rt::KernelFunction.
  llvm::Expected<void *> lookup(llvm::StringRef symbol);

private:
  struct Impl;
  explicit KernelJit(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace mixln

#endif // MIXLN_TARGET_CPU_H
