//===- MmaAttentionGrad.cpp - Its backward on tensor cores ----------------===//
//
// dQ, block (sequence, head, 64 queries):
//
//   D = sum(dO * O)
//   for tile of keys up to the diagonal:
//     P = exp2(c S - log2(e) lse) for S = Q Kt; dS = P (dO Vt - D)
//     dQ += dS K
//
// dK and dV, block (sequence, key/value head, 64 keys): rows of a product are
// keys here, so that P and dS are left sides again.
//
//   for head of the group, for tile of queries from the diagonal on:
//     Pt = exp2(c K Qt - log2(e) lse); dSt = Pt (V dOt - D)
//     dV += Pt dO; dK += dSt Q
//
// dQ and dK are rotated back in registers. Q, K and dO stay in shared memory:
// the sums need the registers.
//
//===----------------------------------------------------------------------===//

#include "MmaHeads.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

using Values = SmallVector<Value>;
using Side = MmaTiles::Side;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr int64_t kRows = MmaHeads::kRows;

Launch attention::mmaGradLaunch(const AttentionSpec &spec, int64_t sequences) {
  const MmaShape &shape = *mmaShapeOf(spec);
  int64_t tiles = MmaHeads::tilesOf(spec);
  Launch launch;
  launch.tasks = {sequences * spec.heads * tiles,
                  sequences * spec.kvHeads * tiles};
  launch.sizes = {sequences};
  launch.shapes = {
      {MmaHeads::kThreads,
       MmaHeads::bytesOf(spec, 2 * kRows + 2 * shape.gradKeys) + 4 * kRows},
      {MmaHeads::kThreads,
       MmaHeads::bytesOf(spec, 2 * kRows + 2 * shape.gradQueries) +
           4 * 2 * shape.gradQueries}};
  return launch;
}

/// sum(dO * O) of the block's queries, two threads a row, to shared memory and
/// for the other phase.
static void sumDeltas(GpuBuilder &b, MmaHeads &heads, const AttentionSpec &spec,
                      const GradPointers &p, Value sequence, Value head,
                      Value first, Value deltas) {
  constexpr int64_t chunk = MmaTiles::kChunk;
  auto ctx = headRows(b, spec, p.ctx, sequence, head, spec.heads);
  auto dctx = headRows(b, spec, p.dctx, sequence, head, spec.heads);
  Value row = b.divide(heads.mma.thread, 2);
  Value part = b.remainder(heads.mma.thread, 2);
  Value query = b.add(first, row);
  Value start =
      b.add(b.mul(heads.within(query), ctx.stride), b.mul(part, chunk));
  Value sum;
  for (int64_t column = 0; column < spec.headDim; column += 2 * chunk) {
    Value at = b.add(start, column);
    Value x = b.loadNumbers(b.offset(ctx.base, at, Element::BF16), chunk,
                            b.getBF16Type());
    Value y = b.loadNumbers(b.offset(dctx.base, at, Element::BF16), chunk,
                            b.getBF16Type());
    sum = sum ? b.fmaF(x, y, sum) : b.mulF(x, y);
  }
  Value delta = b.combineWarp(b.sumLanes(sum), 2,
                              [&](Value x, Value y) { return b.addF(x, y); });
  b.ifThen(b.equal(part, b.constant(0)), [&] {
    b.storeF32(delta, b.offset(deltas, row));
    b.ifThen(b.less(query, b.constant(spec.seqLen)), [&] {
      b.storeF32(delta,
                 b.offset(p.delta, heads.numberAt(sequence, query, head)));
    });
  });
}

/// exp2(c score - shift).
static Value probability(GpuBuilder &b, const AttentionSpec &spec, Value score,
                         Value shift) {
  Value factor = b.constantF32(spec.scoreScale() * kLog2E);
  return b.fastExp2(b.fmaF(score, factor, arith::NegFOp::create(b, shift)));
}

void attention::emitMmaQueryGradient(GpuBuilder &b, const AttentionSpec &spec,
                                     const GradPointers &p) {
  MmaHeads heads(b, spec);
  MmaTiles &mma = heads.mma;
  int64_t keys = mmaShapeOf(spec)->gradKeys;
  auto q = heads.tile(0), dctx = heads.tile(kRows);
  auto k = heads.tile(2 * kRows), v = heads.tile(2 * kRows + keys);
  Value deltas = b.shared(MmaHeads::bytesOf(spec, 2 * kRows + 2 * keys));
  int64_t tiles = MmaHeads::tilesOf(spec);
  auto [rest, turn] = split(b, b.blockId(), tiles);
  auto [sequence, head] = split(b, rest, spec.heads);
  Value tile = b.sub(b.constant(tiles - 1), turn);
  Value kvHead = b.divide(head, spec.heads / spec.kvHeads);
  Value first = b.mul(tile, kRows);
  Value query = b.add(b.add(first, heads.ownRows), mma.group);
  auto rows = [&, sequence = sequence, head = head](Value tensor) {
    return headRows(b, spec, tensor, sequence, head, spec.heads);
  };
  auto kvRows = [&, sequence = sequence](Value tensor) {
    return headRows(b, spec, tensor, sequence, kvHead, spec.kvHeads);
  };
  heads.copy(rows(p.dctx), first, kRows, dctx);
  b.closeCopies();
  heads.rotate(rows(p.q), first, kRows, q, p.cos, p.sin);
  sumDeltas(b, heads, spec, p, sequence, head, first, deltas);
  b.barrier();
  Values delta, shift;
  for (int64_t row = 0; row < 2; ++row) {
    Value own = b.add(b.add(heads.ownRows, mma.group), 8 * row);
    delta.push_back(b.loadF32(b.offset(deltas, own)));
    Value at = heads.numberAt(sequence, b.add(first, own), head);
    shift.push_back(
        b.mulF(b.loadF32(b.offset(p.lse, at)), b.constantF32(kLog2E)));
  }
  auto ownQueries = mma.operand(Side::Left, q, false, heads.ownRows);
  auto ownGradients = mma.operand(Side::Left, dctx, false, heads.ownRows);
  Value last = b.minimum(b.add(first, kRows), b.constant(spec.seqLen));
  Values gradient = b.loop(
      b.constant(0), last, keys, mma.zeros(spec.headDim),
      [&](Value firstKey, ValueRange carried) {
        Values sums(carried);
        b.barrier();
        heads.copy(kvRows(p.v), firstKey, keys, v);
        b.closeCopies();
        heads.rotate(kvRows(p.k), firstKey, keys, k, p.cos, p.sin);
        b.waitForCopies();
        b.barrier();
        Values scores = mma.zeros(keys), dots = mma.zeros(keys);
        mma.multiply(scores, ownQueries, mma.operand(Side::Right, k, false, {}),
                     keys, spec.headDim);
        mma.multiply(dots, ownGradients, mma.operand(Side::Right, v, false, {}),
                     keys, spec.headDim);
        Value own = b.sub(b.sub(query, firstKey), mma.pair);
        heads.mask(scores, b.less(first, b.add(firstKey, keys - 1)),
                   [&](int64_t row, int64_t column) {
                     return b.less(own, b.constant(column - row));
                   });
        for (size_t i = 0; i < scores.size(); ++i) {
          size_t row = i / 2 % 2;
          Value weight = probability(b, spec, scores[i], shift[row]);
          scores[i] = b.mulF(weight, b.subF(dots[i], delta[row]));
        }
        mma.multiply(sums, mma.wordsOf(scores),
                     mma.operand(Side::Right, k, true, {}), spec.headDim);
        return sums;
      });
  heads.rotateBack(gradient, query, spec.scoreScale(), p.cos, p.sin);
  // Nobody but the own warp reads these rows.
  b.warpBarrier();
  mma.store(gradient, q, heads.ownRows);
  b.barrier();
  heads.write(q, rows(p.dq), first);
}

void attention::emitMmaKeyGradient(GpuBuilder &b, const AttentionSpec &spec,
                                   const GradPointers &p) {
  MmaHeads heads(b, spec);
  MmaTiles &mma = heads.mma;
  int64_t queries = mmaShapeOf(spec)->gradQueries, columns = spec.headDim;
  auto k = heads.tile(0), v = heads.tile(kRows);
  auto q = heads.tile(2 * kRows), dctx = heads.tile(2 * kRows + queries);
  Value shifts = b.shared(MmaHeads::bytesOf(spec, 2 * kRows + 2 * queries));
  Value deltas = b.offset(shifts, queries);
  auto [rest, tile] = split(b, b.blockId(), MmaHeads::tilesOf(spec));
  auto [sequence, kvHead] = split(b, rest, spec.kvHeads);
  Value first = b.mul(tile, kRows);
  Value key = b.add(b.add(first, heads.ownRows), mma.group);
  auto kvRows = [&, sequence = sequence, kvHead = kvHead](Value tensor) {
    return headRows(b, spec, tensor, sequence, kvHead, spec.kvHeads);
  };
  heads.copy(kvRows(p.v), first, kRows, v);
  b.closeCopies();
  heads.rotate(kvRows(p.k), first, kRows, k, p.cos, p.sin);
  auto ownKeys = mma.operand(Side::Left, k, false, heads.ownRows);
  auto ownValues = mma.operand(Side::Left, v, false, heads.ownRows);

  int64_t group = spec.heads / spec.kvHeads;
  auto addTile = [&, sequence = sequence](Value head, Value firstQuery,
                                          Values &sums) {
    auto rows = [&](Value tensor) {
      return headRows(b, spec, tensor, sequence, head, spec.heads);
    };
    b.barrier();
    heads.copy(rows(p.dctx), firstQuery, queries, dctx);
    b.closeCopies();
    heads.rotate(rows(p.q), firstQuery, queries, q, p.cos, p.sin);
    b.ifThen(b.less(mma.thread, b.constant(queries)), [&] {
      Value at = heads.numberAt(sequence, b.add(firstQuery, mma.thread), head);
      b.storeF32(b.mulF(b.loadF32(b.offset(p.lse, at)), b.constantF32(kLog2E)),
                 b.offset(shifts, mma.thread));
      b.storeF32(b.loadF32(b.offset(p.delta, at)),
                 b.offset(deltas, mma.thread));
    });
    b.waitForCopies();
    b.barrier();
    Values weights = mma.zeros(queries), gradients = mma.zeros(queries);
    mma.multiply(weights, ownKeys, mma.operand(Side::Right, q, false, {}),
                 queries, columns);
    mma.multiply(gradients, ownValues,
                 mma.operand(Side::Right, dctx, false, {}), queries, columns);
    // Neither keys after the query nor queries that do not exist.
    Value query = b.add(firstQuery, mma.pair);
    Value own = b.sub(query, key), end = b.sub(b.constant(spec.seqLen), query);
    Value some = arith::OrIOp::create(
        b, b.less(firstQuery, b.add(first, kRows - 1)),
        b.less(b.constant(spec.seqLen - queries), firstQuery));
    heads.mask(weights, some, [&](int64_t row, int64_t column) -> Value {
      return arith::OrIOp::create(b, b.less(own, b.constant(row - column)),
                                  b.less(end, b.constant(column + 1)));
    });
    for (int64_t eight = 0; eight < queries / 8; ++eight) {
      Value at = b.add(mma.pair, 8 * eight);
      Value shift = b.loadNumbers(b.offset(shifts, at), 2, b.getF32Type());
      Value delta = b.loadNumbers(b.offset(deltas, at), 2, b.getF32Type());
      for (int64_t i = 0; i < 4; ++i) {
        Value index = b.constant(i % 2);
        Value &weight = weights[4 * eight + i];
        Value &gradient = gradients[4 * eight + i];
        weight = probability(b, spec, weight,
                             LLVM::ExtractElementOp::create(b, shift, index));
        gradient = b.mulF(
            weight,
            b.subF(gradient, LLVM::ExtractElementOp::create(b, delta, index)));
      }
    }
    size_t half = sums.size() / 2;
    Values ofValues(sums.begin(), sums.begin() + half);
    Values ofKeys(sums.begin() + half, sums.end());
    mma.multiply(ofValues, mma.wordsOf(weights),
                 mma.operand(Side::Right, dctx, true, {}), columns);
    mma.multiply(ofKeys, mma.wordsOf(gradients),
                 mma.operand(Side::Right, q, true, {}), columns);
    sums = ofValues;
    llvm::append_range(sums, ofKeys);
  };
  Values sums =
      b.loop(b.constant(0), b.constant(group), 1, mma.zeros(2 * columns),
             [&, kvHead = kvHead](Value member, ValueRange outer) {
               Value head = b.add(b.mul(kvHead, group), member);
               return b.loop(first, b.constant(spec.seqLen), queries, outer,
                             [&](Value firstQuery, ValueRange carried) {
                               Values next(carried);
                               addTile(head, firstQuery, next);
                               return next;
                             });
             });
  Values ofValues(sums.begin(), sums.begin() + sums.size() / 2);
  Values ofKeys(sums.begin() + sums.size() / 2, sums.end());
  heads.rotateBack(ofKeys, key, spec.scoreScale(), p.cos, p.sin);
  // Nobody but the own warp reads these rows.
  b.warpBarrier();
  mma.store(ofValues, v, heads.ownRows);
  mma.store(ofKeys, k, heads.ownRows);
  b.barrier();
  heads.write(v, kvRows(p.dv), first);
  heads.write(k, kvRows(p.dk), first);
}
