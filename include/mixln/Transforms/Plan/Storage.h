//===- Storage.h - Which values share bytes ---------------------*- C++ -*-===//
//
// A storage is a range of the arena; its members are roots at offsets in it.
// Two roots may be members of one storage if no byte belongs to two of them at
// a time, except that an operation may write a result over an operand that
// ends there, if its kernel can, and that a concatenation is its parts.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_PLAN_STORAGE_H
#define MIXLN_TRANSFORMS_PLAN_STORAGE_H

#include "mixln/Analysis/Lifetimes.h"
#include "mixln/Interfaces/KernelGenerator.h"

#include <map>

namespace mixln {

/// The operand that `result` of `op` adds to, or -1. The two share their bytes,
/// and must if mustAddInPlace().
int getTiedOperand(mlir::Operation *op, unsigned result);
bool mustAddInPlace(mlir::Operation *op, KernelGenerator &kernels);

/// Answers of a target about results over operands, asked once each.
class InPlaceRules {
public:
  explicit InPlaceRules(KernelGenerator &kernels) : kernels(kernels) {}
  bool allows(mlir::Operation *op, unsigned operand, unsigned result);

private:
  KernelGenerator &kernels;
  std::map<std::tuple<mlir::Operation *, unsigned, unsigned>, bool> answers;
};

struct Storage {
  struct Member {
    unsigned root;
    int64_t offset;
  };
  llvm::SmallVector<Member, 2> members;
  int64_t bytes = 0;
  VariableOp variable; ///< null for bytes that only the entry uses
  /// Positions between which the bytes hold something.
  int64_t begin = 0, end = 0;
  int64_t offset = -1; ///< in the arena, once that is decided
};

class Storages {
public:
  /// Every root alone in its storage.
  Storages(const Lifetimes &lifetimes, InPlaceRules &rules);

  /// Makes `root` lie `delta` bytes behind the start of root `base`, if that
  /// is legal for all members of both storages.
  bool join(unsigned base, unsigned root, int64_t delta);

  /// join() for an operand and a result of `op` that may share their bytes.
  bool joinInPlace(mlir::Operation *op, unsigned operand, unsigned result);

  /// The storages that have members.
  llvm::SmallVector<Storage *> getStorages();
  Storage &getStorageOf(unsigned root) { return storages[storageOf[root]]; }
  /// Where a value starts in the arena.
  int64_t getOffset(mlir::Value value);

private:
  bool areCompatible(Storage::Member a, Storage::Member b) const;
  bool mayReplace(Storage::Member old, Storage::Member written) const;

  const Lifetimes &lifetimes;
  InPlaceRules &rules;
  std::vector<Storage> storages;
  std::vector<unsigned> storageOf;
  std::vector<int64_t> offsetOf; ///< of each root in its storage
};

} // namespace mixln

#endif // MIXLN_TRANSFORMS_PLAN_STORAGE_H
