//===- Recomputation.h - What an entry could compute again ------*- C++ -*-===//
//
// An entry is a straight list, so what it holds in memory at each operation
// follows from who reads what. Its *turn* is the operation at which it holds
// most: in a training step the loss head, before which the forward stands and
// after which the backward. A value from before the turn that is read after it
// is kept across the turn, or computed again behind it, from what is kept. This
// says, for any choice of the values to compute again, what the entry then
// holds at most and what the choice costs.
//
// A result of a row program is a value of its own: it is computed from other
// results of its program where its formula goes through them (the norm of a
// stream from the stream), else from the program's operands.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TRANSFORMS_REMATERIALIZE_RECOMPUTATION_H
#define MIXLN_TRANSFORMS_REMATERIALIZE_RECOMPUTATION_H

#include "mixln/IR/Mixln.h"
#include "mixln/Interfaces/KernelGenerator.h"
#include "mixln/Transforms/Plan/Storage.h"

#include "llvm/ADT/BitVector.h"

namespace mixln {

/// What a byte moved counts as, in floating-point operations: about what a CPU
/// core or a GPU computes while it moves one.
constexpr double kWorkPerByte = 16;

/// The arguments and the other row results of `op`, by number, that row result
/// `result` is computed from; of the results only those for which `isStored`.
struct RowSlice {
  llvm::SmallVector<mlir::BlockArgument> arguments;
  llvm::SmallVector<unsigned> results;
};
RowSlice sliceRowResult(RowwiseOp op, unsigned result,
                        llvm::function_ref<bool(unsigned)> isStored);

/// A value of an entry.
struct RecomputeNode {
  mlir::Value value;
  mlir::Operation *op = nullptr;
  int64_t position = 0; ///< of `op` in the entry
  int64_t bytes = 0;    ///< 0: a view, a variable, or lies in one
  unsigned root = 0;    ///< the node whose bytes it shows; itself, mostly
  llvm::SmallVector<unsigned> needs; ///< what it is computed from
  llvm::SmallVector<int64_t> uses;   ///< positions of its readers
  bool isVariable = false;
  bool isStored = false; ///< in a variable, at the end
  bool canRecompute = false;
  double work = 0; ///< of computing it again, with the whole operation
};

class Recomputation {
public:
  Recomputation(EntryOp entry, KernelGenerator &kernels);

  /// Operations computed again, each for some of its results, in the order in
  /// which they stand in the forward.
  struct Clone {
    mlir::Operation *op;
    llvm::SmallVector<unsigned> nodes;
    /// It stands before the operation at this position.
    int64_t position;
  };
  struct Outcome {
    /// The most bytes the entry has in use, variables included, and the
    /// operation at which.
    int64_t peak = 0;
    int64_t position = 0;
    /// Work of what is computed again.
    double work = 0;
    std::vector<Clone> clones;
  };
  /// `again`: the nodes to compute again; views of them follow.
  Outcome evaluate(const llvm::BitVector &again) const;

  /// Nodes that are kept across the turn and could be computed again.
  llvm::ArrayRef<unsigned> getCandidates() const { return candidates; }
  const RecomputeNode &getNode(unsigned node) const { return nodes[node]; }
  unsigned getNumNodes() const { return nodes.size(); }
  int64_t getTurn() const { return turn; }
  mlir::Operation *getOp(int64_t position) const { return ops[position]; }
  /// Work of the whole entry.
  double getWork() const { return totalWork; }

  /// All that is computed behind the turn for `again`.
  llvm::BitVector getCloned(const llvm::BitVector &again) const;
  /// Work that computing candidate `node` again adds to that of `again`, whose
  /// getCloned() is `cloned`.
  double getAddedWork(const llvm::BitVector &again,
                      const llvm::BitVector &cloned, unsigned node) const;
  /// Whether nothing reads `node` at `position` while it is kept.
  bool isIdleAt(unsigned node, int64_t position) const;

  /// The values to compute again so that of each layer only the narrowest
  /// place is kept: the fewest bytes from which the rest of the forward can be
  /// computed.
  llvm::BitVector keepNarrowest() const;

private:
  void addNodes(EntryOp entry);
  void addNeeds();
  void findTurn();
  void placeClones(Outcome &outcome, const llvm::BitVector &cloned) const;
  void measure(Outcome &outcome, const llvm::BitVector &cloned) const;
  /// Marks what must be computed behind the turn so that `node` can be read
  /// there.
  void need(unsigned node, const llvm::BitVector &again,
            llvm::BitVector &cloned) const;
  bool isKept(unsigned root, const llvm::BitVector &again) const;
  bool isReadBehindTurn(unsigned node) const;

  KernelGenerator &kernels;
  mutable InPlaceRules rules;
  std::vector<mlir::Operation *> ops;
  std::vector<int64_t> workspaces; ///< of each operation
  std::vector<RecomputeNode> nodes;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  llvm::SmallVector<unsigned> candidates;
  llvm::BitVector usedBehindTurn; ///< roots
  /// Of each root: its last reader up to the turn, its first behind it.
  std::vector<int64_t> lastBefore, firstBehind;
  int64_t variableBytes = 0;
  int64_t turn = 0;
  double totalWork = 0;
};

/// Marks row programs behind the turn while programs are joined.
constexpr llvm::StringLiteral kBehindTurn = "mixln.behind_turn";

/// Builds what `outcome` computes again and lets the readers behind the turn
/// read it; marks the row programs there.
void recompute(EntryOp entry, const Recomputation &graph,
               const Recomputation::Outcome &outcome);

} // namespace mixln

#endif // MIXLN_TRANSFORMS_REMATERIALIZE_RECOMPUTATION_H
