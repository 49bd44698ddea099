//===- VerifyPlan.h - Simulates the memory of a plan ------------*- C++ -*-===//
//
// Independent checks of a plan: they know offsets and who reads what, not how
// the offsets were found.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_PLAN_VERIFYPLAN_H
#define MIXLN_TRANSFORMS_PLAN_VERIFYPLAN_H

#include "mixln/Interfaces/KernelGenerator.h"

#include <map>

namespace mixln {

/// Which value each byte of the arena holds.
class ByteMap {
public:
  /// `size` bytes that are bytes [offset, offset + size) of value `id`.
  struct Piece {
    int64_t id;
    int64_t offset;
    int64_t size;
    bool operator==(const Piece &) const = default;
  };

  void write(int64_t start, int64_t bytes, int64_t id, int64_t offset = 0);
  /// What [start, start + bytes) holds, neighbours joined; bytes that nothing
  /// wrote are pieces of `id` -1.
  llvm::SmallVector<Piece> read(int64_t start, int64_t bytes) const;

  /// Appends a piece, joined with the last where it continues it.
  static void append(llvm::SmallVectorImpl<Piece> &pieces, Piece piece);

private:
  std::map<int64_t, Piece> pieces;
};

/// Checks a module after planMemory(): runs every entry on bytes that know
/// which value they hold. Every operand must be where its operation reads it,
/// every stored value in its variable at the end, every other variable intact;
/// results lie over operands only where the kernel allows it.
llvm::LogicalResult verifyPlacement(mlir::ModuleOp module,
                                    KernelGenerator &kernels);

/// Checks a module after formDispatches(): ranges lie in the arena; what a
/// dispatch reads is in a variable or was written before, all of it, and no
/// other value was written over a part of it; what it writes overlaps neither
/// its workspace nor another result.
llvm::LogicalResult verifyPlan(mlir::ModuleOp module, KernelGenerator &kernels);

/// Checks what formDispatches() cannot get wrong but a plan from a file can:
/// each dispatch is a valid operation of its kernel, with the tasks, sizes and
/// memory that `kernels` gives that operation.
llvm::LogicalResult verifyLaunches(mlir::ModuleOp module,
                                   KernelGenerator &kernels);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_VERIFYPLAN_H
