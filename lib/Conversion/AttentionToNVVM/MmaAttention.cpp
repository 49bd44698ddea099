//===- MmaAttention.cpp - Attention of bf16 on tensor cores ---------------===//
//
//   Q = rotate(q); m = -inf; l = 0; O = 0
//   for tile of keys up to the diagonal:
//     V on its way; K = rotate(k)
//     S = Q Kt; m' = max(m, max S); P = exp2(c (S - m')); a = exp2(c (m - m'))
//     l = a l + sum P; O = a O + P V
//   ctx = O / l; lse = scale m + log l
//     where measured: largest = scale m, entropy = log l - sum(P c (S - m)) / l
//
// for c = scale * log2(e). S and P never leave the registers of their warp, nor
// does Q. Blocks of late queries, which have the most keys, come first.
//
//===----------------------------------------------------------------------===//

#include "MmaHeads.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

using Values = SmallVector<Value>;
using Side = MmaTiles::Side;

static constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;
static constexpr int64_t kRows = MmaHeads::kRows;

Launch attention::mmaLaunch(const AttentionSpec &spec, int64_t sequences) {
  Launch launch;
  launch.tasks = {sequences * spec.heads * MmaHeads::tilesOf(spec)};
  launch.sizes = {sequences};
  launch.shapes = {
      {MmaHeads::kThreads,
       MmaHeads::bytesOf(spec, kRows + 2 * mmaShapeOf(spec)->keys)}};
  return launch;
}

namespace {
/// What the forward carries from tile to tile: of the two rows of a lane the
/// maximum, the sum and, where measured, the sum weighted by scores (the lane's
/// part of both), and the sums of the context.
struct State {
  State(ValueRange values, bool measured) {
    for (Values *part : {&most, &sum, &weighted}) {
      if (part == &weighted && !measured)
        break;
      part->assign(values.begin(), values.begin() + 2);
      values = values.drop_front(2);
    }
    context.assign(values.begin(), values.end());
  }
  Values all() const {
    Values values;
    for (const Values *part : {&most, &sum, &weighted, &context})
      llvm::append_range(values, *part);
    return values;
  }
  Values most, sum, weighted, context;
};
} // namespace

/// Scores to probabilities with a new maximum; all of `state` is brought to it.
static void addScores(GpuBuilder &b, MmaTiles &mma, const AttentionSpec &spec,
                      Values &scores, State &state) {
  Value factor = b.constantF32(spec.scoreScale() * kLog2E);
  Value least = b.constantF32(kLeastScore);
  auto larger = [&](Value x, Value y) { return b.maxNumber(x, y); };
  Values rescale;
  for (size_t row = 0; row < 2; ++row) {
    auto isOwn = [&](size_t i) { return i / 2 % 2 == row; };
    Value most = scores[2 * row];
    for (size_t i = 0; i < scores.size(); ++i)
      if (isOwn(i))
        most = larger(most, scores[i]);
    most = larger(state.most[row], mma.combineRow(most, larger));
    // Key 0 is in the first tile, so this is a number from then on.
    Value shift = arith::NegFOp::create(b, b.mulF(most, factor));
    Value moved = b.fmaF(state.most[row], factor, shift);
    rescale.push_back(b.fastExp2(moved));
    Value sum = b.constantF32(0), weighted = sum;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (!isOwn(i))
        continue;
      Value below = b.fmaF(scores[i], factor, shift);
      scores[i] = b.fastExp2(below);
      sum = b.addF(sum, scores[i]);
      if (spec.measured)
        weighted = b.fmaF(scores[i], larger(below, least), weighted);
    }
    if (spec.measured) {
      Value before =
          b.fmaF(state.sum[row], larger(moved, least), state.weighted[row]);
      state.weighted[row] = b.fmaF(before, rescale[row], weighted);
    }
    state.sum[row] = b.fmaF(state.sum[row], rescale[row], sum);
    state.most[row] = most;
  }
  for (auto [i, value] : llvm::enumerate(state.context))
    value = b.mulF(value, rescale[i / 2 % 2]);
}

void attention::emitMmaForward(GpuBuilder &b, const AttentionSpec &spec,
                               const Pointers &p) {
  MmaHeads heads(b, spec);
  MmaTiles &mma = heads.mma;
  int64_t keys = mmaShapeOf(spec)->keys;
  auto q = heads.tile(0), k = heads.tile(kRows), v = heads.tile(kRows + keys);
  int64_t tiles = MmaHeads::tilesOf(spec);
  auto [rest, turn] = split(b, b.blockId(), tiles);
  auto [sequence, head] = split(b, rest, spec.heads);
  Value tile = b.sub(b.constant(tiles - 1), turn);
  Value kvHead = b.divide(head, spec.heads / spec.kvHeads);
  auto kRowsOf = headRows(b, spec, p.k, sequence, kvHead, spec.kvHeads);
  auto vRows = headRows(b, spec, p.v, sequence, kvHead, spec.kvHeads);
  Value first = b.mul(tile, kRows);
  Value query = b.add(b.add(first, heads.ownRows), mma.group);

  heads.rotate(headRows(b, spec, p.q, sequence, head, spec.heads), first, kRows,
               q, p.cos, p.sin);
  b.barrier();
  auto own = mma.operand(Side::Left, q, /*alongDepth=*/false, heads.ownRows);
  Values queries;
  for (int64_t depth = 0; depth < spec.headDim; depth += MmaTiles::kSide)
    llvm::append_range(queries, mma.words(own, 0, depth));

  Value never = b.constantF32(-std::numeric_limits<double>::infinity());
  Values init(2, never);
  init.append(spec.measured ? 4 : 2, b.constantF32(0));
  llvm::append_range(init, mma.zeros(spec.headDim));
  Value last = b.minimum(b.add(first, kRows), b.constant(spec.seqLen));
  Values values = b.loop(
      b.constant(0), last, keys, init, [&](Value firstKey, ValueRange carried) {
        State state(carried, spec.measured);
        b.barrier();
        heads.copy(vRows, firstKey, keys, v);
        b.closeCopies();
        heads.rotate(kRowsOf, firstKey, keys, k, p.cos, p.sin);
        b.barrier();
        Values scores = mma.zeros(keys);
        mma.multiply(scores, queries, mma.operand(Side::Right, k, false, {}),
                     keys);
        Value own = b.sub(b.sub(query, firstKey), mma.pair);
        heads.mask(scores, b.less(first, b.add(firstKey, keys - 1)),
                   [&](int64_t row, int64_t column) {
                     return b.less(own, b.constant(column - row));
                   });
        addScores(b, mma, spec, scores, state);
        b.waitForCopies();
        b.barrier();
        mma.multiply(state.context, mma.wordsOf(scores),
                     mma.operand(Side::Right, v, true, {}), spec.headDim);
        return state.all();
      });
  State state(values, spec.measured);
  auto add = [&](Value x, Value y) { return b.addF(x, y); };
  Values inverse;
  for (int64_t row = 0; row < 2; ++row) {
    Value sum = mma.combineRow(state.sum[row], add);
    inverse.push_back(LLVM::FDivOp::create(b, b.getF32Type(), b.constantF32(1),
                                           sum, LLVM::FastmathFlags::afn));
    Value logarithm = b.mulF(b.fastLog2(sum), b.constantF32(kLn2));
    Value largest = b.mulF(state.most[row], b.constantF32(spec.scoreScale()));
    Value weighted;
    if (spec.measured)
      weighted = b.mulF(mma.combineRow(state.weighted[row], add),
                        b.mulF(inverse[row], b.constantF32(kLn2)));
    Value position = b.add(query, 8 * row);
    Value writes = b.both(b.less(position, b.constant(spec.seqLen)),
                          b.equal(mma.pair, b.constant(0)));
    b.ifThen(writes, [&] {
      Value at = heads.numberAt(sequence, position, head);
      b.storeF32(b.addF(largest, logarithm), b.offset(p.lse, at));
      if (!spec.measured)
        return;
      b.storeF32(largest, b.offset(p.largest, at));
      b.storeF32(b.subF(logarithm, weighted), b.offset(p.entropy, at));
    });
  }
  for (auto [i, value] : llvm::enumerate(state.context))
    value = b.mulF(value, inverse[i / 2 % 2]);
  mma.store(state.context, q, heads.ownRows);
  b.barrier();
  heads.write(q, headRows(b, spec, p.ctx, sequence, head, spec.heads), first);
}
