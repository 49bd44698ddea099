//===- Attention.cpp - Causal attention with RoPE, from its definition ----===//

#include "Operations.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mixln;

namespace {
/// Sizes of one attention, taken from its operands.
struct Sizes {
  int64_t rows, seqLen, heads, kvHeads, headDim;
  double scale; ///< of q . k

  int64_t kvHeadOf(int64_t head) const { return head / (heads / kvHeads); }
  /// First row of the sequence that `row` belongs to.
  int64_t firstRow(int64_t row) const { return row / seqLen * seqLen; }
};
} // namespace

template <typename OpTy>
static FailureOr<Sizes> findSizes(OpTy op, Operands operands) {
  for (const Array *operand : operands)
    if (failed(expectRank(op, "an operand", *operand, 2)))
      return failure();
  const Array &q = *operands[0], &k = *operands[1], &v = *operands[2],
              &cos = *operands[3], &sin = *operands[4];
  int64_t heads = op.getHeads();
  Sizes sizes;
  sizes.rows = q.shape[0];
  sizes.scale = op.getScoreScale();
  sizes.seqLen = cos.shape[0];
  sizes.heads = heads;
  sizes.headDim = q.shape[1] / heads;
  if (sizes.headDim == 0 || sizes.seqLen == 0)
    return op->emitError("has an empty head or sequence");
  sizes.kvHeads = k.shape[1] / sizes.headDim;
  if (failed(
          expectEqual(op, "width of q", q.shape[1], heads * sizes.headDim)) ||
      failed(expectEqual(op, "number of rows of k", k.shape[0], sizes.rows)) ||
      failed(expectEqual(op, "width of k", k.shape[1],
                         sizes.kvHeads * sizes.headDim)) ||
      failed(expectEqual(op, "number of rows of v", v.shape[0], sizes.rows)) ||
      failed(expectEqual(op, "width of v", v.shape[1], k.shape[1])) ||
      failed(
          expectEqual(op, "width of cos", cos.shape[1], sizes.headDim / 2)) ||
      failed(expectEqual(op, "number of elements of sin", sin.getNumElements(),
                         cos.getNumElements())) ||
      failed(expectEqual(op, "number of rows beyond whole sequences",
                         sizes.rows % sizes.seqLen, 0)))
    return failure();
  if (sizes.kvHeads == 0 || heads % sizes.kvHeads != 0)
    return op->emitError() << "heads " << heads
                           << " is not a multiple of key/value heads "
                           << sizes.kvHeads;
  return sizes;
}

/// Every head of x rotated by the angle of its position, or back.
static Array rotate(const Array &x, const Array &cos, const Array &sin,
                    const Sizes &sizes, bool back) {
  Array result = x;
  int64_t half = sizes.headDim / 2;
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    for (int64_t head = 0; head < x.shape[1] / sizes.headDim; ++head) {
      int64_t base = row * x.shape[1] + head * sizes.headDim;
      for (int64_t j = 0; j < half; ++j) {
        int64_t angle = row % sizes.seqLen * half + j;
        double c = cos.data[angle],
               s = back ? -sin.data[angle] : sin.data[angle];
        double first = x.data[base + j], second = x.data[base + half + j];
        result.data[base + j] = first * c - second * s;
        result.data[base + half + j] = second * c + first * s;
      }
    }
  }
  return result;
}

/// The part of a row that belongs to one head.
static const double *headOf(const Array &x, int64_t row, int64_t head,
                            const Sizes &sizes) {
  return x.data.data() + row * x.shape[1] + head * sizes.headDim;
}

static double *headOf(Array &x, int64_t row, int64_t head, const Sizes &sizes) {
  return x.data.data() + row * x.shape[1] + head * sizes.headDim;
}

static double dot(const double *a, const double *b, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; ++i)
    total += a[i] * b[i];
  return total;
}

/// out += factor * x
static void addScaled(double *out, double factor, const double *x, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    out[i] += factor * x[i];
}

namespace {
/// Of the scores of a row.
struct Softmax {
  double lse; ///< logarithm of the sum of their exponentials
  double largest, entropy;
};
} // namespace

/// Adds what a head of row `row` reads from rows `first` to `row` to `out`.
static Softmax attendTo(const Array &q, const Array &k, const Array &v,
                        int64_t row, int64_t first, int64_t head,
                        const Sizes &sizes, double *out) {
  int64_t kvHead = sizes.kvHeadOf(head), n = sizes.headDim;
  std::vector<double> scores;
  for (int64_t past = first; past <= row; ++past)
    scores.push_back(
        dot(headOf(q, row, head, sizes), headOf(k, past, kvHead, sizes), n) *
        sizes.scale);
  double largest = *llvm::max_element(scores), sum = 0;
  for (double score : scores)
    sum += std::exp(score - largest);
  for (auto [i, score] : llvm::enumerate(scores))
    addScaled(out, std::exp(score - largest) / sum,
              headOf(v, first + static_cast<int64_t>(i), kvHead, sizes), n);
  double mean = 0, lse = largest + std::log(sum);
  for (double score : scores)
    mean += std::exp(score - largest) / sum * score;
  return {lse, largest, lse - mean};
}

LogicalResult mixln::interpretAttention(AttentionOp op, Operands operands,
                                        Rows rows, Results &results) {
  FailureOr<Sizes> found = findSizes(op, operands);
  if (failed(found))
    return failure();
  const Sizes &sizes = *found;
  FailureOr<SmallVector<int64_t>> list = listRows(op, rows, sizes.rows);
  if (failed(list))
    return failure();
  const Array &v = *operands[2];
  Array q = rotate(*operands[0], *operands[3], *operands[4], sizes, false);
  Array k = rotate(*operands[1], *operands[3], *operands[4], sizes, false);

  int64_t count = list->size();
  Array ctx = Array::full({count, q.shape[1]}, 0);
  Array lse = Array::undefined({count, sizes.heads});
  Array peaks = lse, entropies = lse;
  for (auto [position, row] : llvm::enumerate(*list))
    for (int64_t head = 0; head < sizes.heads; ++head) {
      Softmax softmax = attendTo(q, k, v, row, sizes.firstRow(row), head, sizes,
                                 headOf(ctx, position, head, sizes));
      int64_t at = position * sizes.heads + head;
      lse.data[at] = softmax.lse;
      peaks.data[at] = softmax.largest;
      entropies.data[at] = softmax.entropy;
    }
  results.push_back(std::move(ctx));
  results.push_back(std::move(lse));
  if (!op.getScores().empty()) {
    results.push_back(std::move(peaks));
    results.push_back(std::move(entropies));
  }
  return success();
}

/// The row of `attention` at the position, with what the caches hold above it.
LogicalResult mixln::interpretAttentionStep(AttentionStepOp op,
                                            Operands operands,
                                            Results &results) {
  const Array &q = *operands[0], &k = *operands[1], &v = *operands[2],
              &cos = *operands[3], &sin = *operands[4];
  Array keys = *operands[5], values = *operands[6];
  Sizes sizes;
  sizes.rows = sizes.seqLen = op.getSeqLen();
  sizes.heads = op.getHeads();
  sizes.headDim = op.getHeadDim();
  sizes.kvHeads = op.getKvHeads();
  sizes.scale = op.getScoreScale();
  double at = operands[7]->data[0];
  // Written so that NaN is an error.
  if (!(at >= 0 && at < static_cast<double>(sizes.seqLen)))
    return op->emitError() << "position is " << describeNumber(at)
                           << ", expected 0 to " << sizes.seqLen - 1;
  auto position = static_cast<int64_t>(at);
  llvm::copy(k.data, keys.data.begin() + position * k.shape[1]);
  llvm::copy(v.data, values.data.begin() + position * v.shape[1]);

  // q alone has the rotation of its position.
  Array queries = Array::full({position + 1, q.shape[1]}, 0);
  llvm::copy(q.data, queries.data.begin() + position * q.shape[1]);
  queries = rotate(queries, cos, sin, sizes, false);
  Array rotated = rotate(keys, cos, sin, sizes, false);
  Array ctx = Array::full({1, q.shape[1]}, 0);
  for (int64_t head = 0; head < sizes.heads; ++head)
    attendTo(queries, rotated, values, position, /*first=*/0, head, sizes,
             headOf(ctx, 0, head, sizes));
  results.push_back(std::move(ctx));
  results.push_back(std::move(keys));
  results.push_back(std::move(values));
  return success();
}

LogicalResult mixln::interpretAttentionGrad(AttentionGradOp op,
                                            Operands operands,
                                            Results &results) {
  FailureOr<Sizes> found = findSizes(op, operands);
  if (failed(found))
    return failure();
  const Sizes &sizes = *found;
  const Array &v = *operands[2], &cos = *operands[3], &sin = *operands[4],
              &ctx = *operands[5], &lse = *operands[6], &dctx = *operands[7];
  Array q = rotate(*operands[0], cos, sin, sizes, false);
  Array k = rotate(*operands[1], cos, sin, sizes, false);
  if (ctx.shape != q.shape || dctx.shape != q.shape)
    return op.emitError("ctx and its cotangent must have the shape of q");
  if (failed(expectEqual(op, "number of elements of lse", lse.getNumElements(),
                         sizes.rows * sizes.heads)))
    return failure();

  int64_t n = sizes.headDim;
  Array dq = Array::full(q.shape, 0), dk = Array::full(k.shape, 0),
        dv = Array::full(v.shape, 0);
  for (int64_t row = 0; row < sizes.rows; ++row) {
    for (int64_t head = 0; head < sizes.heads; ++head) {
      int64_t kvHead = sizes.kvHeadOf(head);
      const double *dOut = headOf(dctx, row, head, sizes);
      double mean = dot(dOut, headOf(ctx, row, head, sizes), n);
      for (int64_t past = sizes.firstRow(row); past <= row; ++past) {
        double score = dot(headOf(q, row, head, sizes),
                           headOf(k, past, kvHead, sizes), n) *
                       sizes.scale;
        double weight = std::exp(score - lse.data[row * sizes.heads + head]);
        double dScore = weight *
                        (dot(dOut, headOf(v, past, kvHead, sizes), n) - mean) *
                        sizes.scale;
        addScaled(headOf(dv, past, kvHead, sizes), weight, dOut, n);
        addScaled(headOf(dq, row, head, sizes), dScore,
                  headOf(k, past, kvHead, sizes), n);
        addScaled(headOf(dk, past, kvHead, sizes), dScore,
                  headOf(q, row, head, sizes), n);
      }
    }
  }
  results.push_back(rotate(dq, cos, sin, sizes, true));
  results.push_back(rotate(dk, cos, sin, sizes, true));
  results.push_back(std::move(dv));
  return success();
}
