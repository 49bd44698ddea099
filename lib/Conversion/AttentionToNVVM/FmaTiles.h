//===- FmaTiles.h - Attention by fma on tiles in shared memory --*- C++ -*-===//
//
// Tiles have 32 rows (queries or keys); 4 neighbouring threads own a row. A
// thread computes every fourth column of a product of tiles, so the four
// threads of a row read neighbouring addresses and reduce a row by two
// shuffles.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_FMATILES_H
#define MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_FMATILES_H

#include "AttentionPaths.h"

namespace mixln::attention {

class FmaTiles {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  static constexpr int64_t kRows = 32, kThreads = 128, kSplit = 4;

  FmaTiles(GpuBuilder &b, const AttentionSpec &spec);

  /// Elements of a tile of rows of a head, of a tile of scores.
  static int64_t tileElements(const AttentionSpec &spec);
  static constexpr int64_t kScoreElements = kRows * (kRows + 1);
  /// Columns of a head that a thread owns.
  int64_t ownColumns() const { return (spec.headDim + kSplit - 1) / kSplit; }
  static constexpr int64_t kOwnScores = kRows / kSplit;

  /// Rows first ... first + 31 to a tile; those beyond the sequence repeat its
  /// last one. With tables, rotated; times `factor`.
  void load(const HeadRows &from, Value first, Value tile, double factor = 1,
            Value cos = {}, Value sin = {});
  /// The tile to the rows that exist; with tables, rotated back.
  void store(Value tile, const HeadRows &to, Value first, double factor = 1,
             Value cos = {}, Value sin = {});

  /// Products of the own row of `a` with rows `split + 4 i` of `c`.
  Values dots(Value a, Value c);
  /// The thread's part of the product of the own rows of `a` and `c`.
  Value ownDot(Value a, Value c);
  /// sums[j] + sum over k of the own row of `scores` [k] times
  /// `c`[k, split + 4 j].
  Values accumulate(Value scores, Value c, mlir::ValueRange sums);
  void storeOwn(mlir::ValueRange columns, Value tile);
  void storeScores(mlir::ValueRange own, Value scores);
  /// Over the four threads of a row.
  Value sumOfRow(Value own);
  Value maxOfRow(Value own);
  Value exponential(Value x);
  Value logarithm(Value x);

  /// The row that the thread owns, and which of the four it is.
  Value row, split;
  Value thread;
  mlir::Type element;

private:
  GpuBuilder &b;
  AttentionSpec spec;
  int64_t stride;
};

} // namespace mixln::attention

#endif // MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_FMATILES_H
