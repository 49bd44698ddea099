//===- KernelGenerator.h - What a target must know --------------*- C++ -*-===//
//
// The one interface between the plan and a target. A target says which
// operations share a kernel, how a kernel is launched for one operation, and
// writes the kernel's code.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_INTERFACES_KERNELGENERATOR_H
#define MIXLN_INTERFACES_KERNELGENERATOR_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

#include <limits>
#include <string>

namespace mixln::rt {
struct Kernel;
} // namespace mixln::rt

namespace mixln {

/// The blocks of threads of one phase, on a target that has them.
struct BlockShape {
  int64_t threads = 0;
  int64_t sharedBytes = 0;
};

/// What a target asks of matmuls before the plan is made.
struct MatmulTraits {
  /// Sides are read in the layouts of `mixln.pack`; otherwise as they are, and
  /// only their types are made equal.
  bool packs = true;
  /// One kernel computes a list of products; otherwise each is its own
  /// operation.
  bool lists = true;
  /// Rows of bf16 products may have any length; otherwise those that are not
  /// multiples of 16 bytes are padded.
  bool oddRows = true;
  /// A product adds to its `into` in place; otherwise the sum may also lie
  /// elsewhere.
  bool addsInPlace = true;
};

/// How one operation launches its kernel.
struct Launch {
  /// Number of tasks of each phase; a function of shapes alone, never of the
  /// number of threads.
  llvm::SmallVector<int64_t> tasks;
  /// The run-time extents that the kernel reads.
  llvm::SmallVector<int64_t> sizes;
  /// Bytes of the arena that only this dispatch uses (partial sums); the
  /// kernel gets them as its last pointer if there are any.
  int64_t workspaceBytes = 0;
  /// Bytes that each worker must have.
  int64_t scratchBytes = 0;
  /// One a phase, where the target has blocks; the same for all operations of
  /// a kernel.
  llvm::SmallVector<BlockShape> shapes;
};

/// How intermediates that are too large to be held are computed.
struct ChunkSizes {
  /// Rows of a chunk.
  int64_t rows = 512;
  /// Bytes from which on an intermediate is too large.
  int64_t threshold = int64_t(32) << 20;
};

/// Kernels receive pointers in this order: the operands of the operation, its
/// results, the workspace (where there is one).
class KernelGenerator {
public:
  virtual ~KernelGenerator() = default;

  /// Two operations with equal keys run the same kernel. Numbers of rows and
  /// immediates are not part of it.
  virtual std::string getKey(mlir::Operation *op) = 0;

  /// A readable name for the kernel of `op`, such as rows.residual_rms.512.
  virtual std::string getName(mlir::Operation *op) = 0;

  virtual Launch getLaunch(mlir::Operation *op) = 0;

  /// Bytes of a value of `type` in memory (packed layouts pad).
  virtual int64_t getBytes(mlir::RankedTensorType type) = 0;

  /// Whether the kernel of `op` may write result `result` over operand
  /// `operand` (same offset) because it reads each element before it writes
  /// that element and nothing else later.
  virtual bool canWriteInPlace(mlir::Operation *op, unsigned operand,
                               unsigned result) = 0;

  /// Whether the kernel of `op`, with a result more, could write what result
  /// `result` holds there as `type`, a layout of the same values.
  virtual bool canWriteLayout(mlir::Operation *op, unsigned result,
                              mlir::RankedTensorType type) {
    return false;
  }

  /// Whether the kernel of `product`, a matmul, could compute `rows`, a row
  /// program that reads it row by row, where it stores the product.
  virtual bool canJoin(mlir::Operation *product, mlir::Operation *rows) {
    return false;
  }

  /// The most tensors that a row program should read and write when programs
  /// are joined of which each alone would do.
  virtual size_t getMostTensors() { return std::numeric_limits<size_t>::max(); }

  virtual ChunkSizes getChunkSizes() { return {}; }

  virtual MatmulTraits getMatmulTraits() { return {}; }

  /// Adds to `kernel` what the program says of the kernel of `op` beside its
  /// name and its phases.
  virtual void describe(mlir::Operation *op, rt::Kernel &kernel) {}

  /// Writes the kernel of `op` into `module` as functions whose names start
  /// with `symbol`; appends one symbol a phase to `phases`.
  virtual llvm::LogicalResult
  emitKernel(mlir::Operation *op, llvm::StringRef symbol, mlir::ModuleOp module,
             llvm::SmallVectorImpl<std::string> &phases) = 0;
};

} // namespace mixln

#endif // MIXLN_INTERFACES_KERNELGENERATOR_H
