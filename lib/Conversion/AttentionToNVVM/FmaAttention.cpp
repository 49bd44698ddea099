//===- FmaAttention.cpp - Attention of f32, and of unusual heads ----------===//

#include "AttentionPaths.h"
#include "FmaTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

using Values = SmallVector<Value>;

static constexpr int64_t kRows = FmaTiles::kRows;

static int64_t tilesOf(const AttentionSpec &spec) {
  return (spec.seqLen + kRows - 1) / kRows;
}

static int64_t sharedBytes(const AttentionSpec &spec, int64_t tiles,
                           int64_t scores) {
  return 4 * (tiles * FmaTiles::tileElements(spec) +
              scores * FmaTiles::kScoreElements);
}

//===----------------------------------------------------------------------===//
// Forward
//===----------------------------------------------------------------------===//

Launch attention::fmaLaunch(const AttentionSpec &spec, int64_t sequences) {
  Launch launch;
  launch.tasks = {sequences * spec.heads * tilesOf(spec)};
  launch.sizes = {sequences};
  launch.shapes = {{FmaTiles::kThreads, sharedBytes(spec, 3, 1)}};
  return launch;
}

void attention::emitFmaForward(GpuBuilder &b, const AttentionSpec &spec,
                               const Pointers &p) {
  FmaTiles tiles(b, spec);
  int64_t bytes = 4 * FmaTiles::tileElements(spec);
  Value q = b.shared(), k = b.shared(bytes), v = b.shared(2 * bytes);
  Value scores = b.shared(3 * bytes);
  auto [rest, tile] = split(b, b.blockId(), tilesOf(spec));
  auto [sequence, head] = split(b, rest, spec.heads);
  Value kvHead = b.divide(head, spec.heads / spec.kvHeads);
  auto qRows = headRows(b, spec, p.q, sequence, head, spec.heads);
  auto kRowsOf = headRows(b, spec, p.k, sequence, kvHead, spec.kvHeads);
  auto vRows = headRows(b, spec, p.v, sequence, kvHead, spec.kvHeads);
  auto ctxRows = headRows(b, spec, p.ctx, sequence, head, spec.heads);
  Value first = b.mul(tile, kRows);
  Value query = b.add(first, tiles.row);
  tiles.load(qRows, first, q, spec.scoreScale(), p.cos, p.sin);

  Value never = b.constantF32(-std::numeric_limits<double>::infinity());
  Value least = b.constantF32(kLeastScore);
  Values init = {never, b.constantF32(0)};
  if (spec.measured)
    init.push_back(b.constantF32(0));
  size_t numbers = init.size();
  init.append(tiles.ownColumns(), b.constantF32(0));
  Values state = b.loop(
      b.constant(0), b.add(tile, 1), 1, init,
      [&](Value keyTile, ValueRange carried) {
        Value firstKey = b.mul(keyTile, kRows);
        b.barrier();
        tiles.load(kRowsOf, firstKey, k, 1, p.cos, p.sin);
        tiles.load(vRows, firstKey, v);
        b.barrier();
        Values s = tiles.dots(q, k);
        Value most = carried[0], own = never;
        for (int64_t i = 0; i < FmaTiles::kOwnScores; ++i) {
          Value key = b.add(b.add(firstKey, i * FmaTiles::kSplit), tiles.split);
          s[i] = b.select(b.less(query, key), never, s[i]);
          own = b.maxF(own, s[i]);
        }
        // The first tile has key 0, so the maximum is a number from then on.
        most = b.maxF(most, tiles.maxOfRow(own));
        Value moved = b.subF(carried[0], most);
        Value rescale = tiles.exponential(moved);
        Value sum = b.constantF32(0), weighted = sum;
        for (Value &score : s) {
          Value below = b.subF(score, most);
          score = tiles.exponential(below);
          sum = b.addF(sum, score);
          if (spec.measured)
            weighted = b.fmaF(score, b.maxF(below, least), weighted);
        }
        sum = b.addF(b.mulF(carried[1], rescale), tiles.sumOfRow(sum));
        tiles.storeScores(s, scores);
        b.barrier();
        Values context;
        for (Value column : carried.drop_front(numbers))
          context.push_back(b.mulF(column, rescale));
        Values next = {most, sum};
        if (spec.measured) {
          Value before = b.fmaF(carried[1], b.maxF(moved, least), carried[2]);
          next.push_back(b.fmaF(before, rescale, tiles.sumOfRow(weighted)));
        }
        next.append(tiles.accumulate(scores, v, context));
        return next;
      });
  Value inverse = b.divF(b.constantF32(1), state[1]);
  Values context;
  for (Value column : ArrayRef(state).drop_front(numbers))
    context.push_back(b.mulF(column, inverse));
  b.barrier();
  tiles.storeOwn(context, q);
  b.barrier();
  tiles.store(q, ctxRows, first);
  Value writes = b.both(b.less(query, b.constant(spec.seqLen)),
                        b.equal(tiles.split, b.constant(0)));
  b.ifThen(writes, [&] {
    Value logarithm = tiles.logarithm(state[1]);
    Value at = b.add(
        b.mul(b.add(b.mul(sequence, spec.seqLen), query), spec.heads), head);
    b.storeF32(b.addF(state[0], logarithm), b.offset(p.lse, at));
    if (!spec.measured)
      return;
    b.storeF32(state[0], b.offset(p.largest, at));
    b.storeF32(b.subF(logarithm, b.mulF(state[2], inverse)),
               b.offset(p.entropy, at));
  });
}

//===----------------------------------------------------------------------===//
// Backward
//===----------------------------------------------------------------------===//

Launch attention::fmaGradLaunch(const AttentionSpec &spec, int64_t sequences) {
  Launch launch;
  launch.tasks = {sequences * spec.heads * tilesOf(spec),
                  sequences * spec.kvHeads * tilesOf(spec)};
  launch.sizes = {sequences};
  launch.shapes = {{FmaTiles::kThreads, sharedBytes(spec, 4, 1)},
                   {FmaTiles::kThreads, sharedBytes(spec, 4, 2)}};
  return launch;
}

/// exp(score - lse), and zero for keys after the query.
static Value probability(GpuBuilder &b, FmaTiles &tiles, Value score, Value lse,
                         Value isLater) {
  return b.select(isLater, b.constantF32(0),
                  tiles.exponential(b.subF(score, lse)));
}

void attention::emitFmaQueryGradient(GpuBuilder &b, const AttentionSpec &spec,
                                     const GradPointers &p) {
  FmaTiles tiles(b, spec);
  int64_t bytes = 4 * FmaTiles::tileElements(spec);
  Value q = b.shared(), k = b.shared(bytes), v = b.shared(2 * bytes);
  Value dctx = b.shared(3 * bytes), scores = b.shared(4 * bytes);
  auto [rest, tile] = split(b, b.blockId(), tilesOf(spec));
  auto [sequence, head] = split(b, rest, spec.heads);
  Value kvHead = b.divide(head, spec.heads / spec.kvHeads);
  Value first = b.mul(tile, kRows);
  Value query = b.add(first, tiles.row);
  auto rows = [&](Value tensor) {
    return headRows(b, spec, tensor, sequence, head, spec.heads);
  };
  auto kvRows = [&](Value tensor) {
    return headRows(b, spec, tensor, sequence, kvHead, spec.kvHeads);
  };
  tiles.load(rows(p.q), first, q, spec.scoreScale(), p.cos, p.sin);
  tiles.load(rows(p.dctx), first, dctx);
  tiles.load(rows(p.ctx), first, k);
  b.barrier();
  Value delta = tiles.sumOfRow(tiles.ownDot(dctx, k));
  Value position = b.minimum(query, b.constant(spec.seqLen - 1));
  Value at = b.add(
      b.mul(b.add(b.mul(sequence, spec.seqLen), position), spec.heads), head);
  Value lse = b.loadF32(b.offset(p.lse, at));
  b.ifThen(b.both(b.less(query, b.constant(spec.seqLen)),
                  b.equal(tiles.split, b.constant(0))),
           [&] { b.storeF32(delta, b.offset(p.delta, at)); });

  Values zeros(tiles.ownColumns(), b.constantF32(0));
  Values gradient = b.loop(
      b.constant(0), b.add(tile, 1), 1, zeros,
      [&](Value keyTile, ValueRange carried) {
        Value firstKey = b.mul(keyTile, kRows);
        b.barrier();
        tiles.load(kvRows(p.k), firstKey, k, 1, p.cos, p.sin);
        tiles.load(kvRows(p.v), firstKey, v);
        b.barrier();
        Values s = tiles.dots(q, k), dp = tiles.dots(dctx, v);
        for (int64_t i = 0; i < FmaTiles::kOwnScores; ++i) {
          Value key = b.add(b.add(firstKey, i * FmaTiles::kSplit), tiles.split);
          Value weight = probability(b, tiles, s[i], lse, b.less(query, key));
          s[i] = b.mulF(weight, b.subF(dp[i], delta));
        }
        tiles.storeScores(s, scores);
        b.barrier();
        return tiles.accumulate(scores, k, carried);
      });
  b.barrier();
  tiles.storeOwn(gradient, q);
  b.barrier();
  tiles.store(q, rows(p.dq), first, spec.scoreScale(), p.cos, p.sin);
}

void attention::emitFmaKeyGradient(GpuBuilder &b, const AttentionSpec &spec,
                                   const GradPointers &p) {
  FmaTiles tiles(b, spec);
  int64_t bytes = 4 * FmaTiles::tileElements(spec);
  Value q = b.shared(), k = b.shared(bytes), v = b.shared(2 * bytes);
  Value dctx = b.shared(3 * bytes), weights = b.shared(4 * bytes);
  Value gradients = b.shared(4 * bytes + 4 * FmaTiles::kScoreElements);
  auto [rest, tile] = split(b, b.blockId(), tilesOf(spec));
  auto [sequence, kvHead] = split(b, rest, spec.kvHeads);
  Value first = b.mul(tile, kRows);
  Value key = b.add(first, tiles.row);
  auto kvRows = [&](Value tensor) {
    return headRows(b, spec, tensor, sequence, kvHead, spec.kvHeads);
  };
  tiles.load(kvRows(p.k), first, k, 1, p.cos, p.sin);
  tiles.load(kvRows(p.v), first, v);

  int64_t group = spec.heads / spec.kvHeads, own = tiles.ownColumns();
  Values zeros(2 * own, b.constantF32(0));
  Value sequenceStart = b.mul(sequence, spec.seqLen);
  // Heads of the group, and for each the tiles of queries from this one on.
  Values sums = b.loop(
      b.constant(0), b.constant(group), 1, zeros,
      [&](Value member, ValueRange outer) {
        Value head = b.add(b.mul(kvHead, group), member);
        auto rows = [&](Value tensor) {
          return headRows(b, spec, tensor, sequence, head, spec.heads);
        };
        return b.loop(
            tile, b.constant(tilesOf(spec)), 1, outer,
            [&](Value queryTile, ValueRange carried) {
              Value firstQuery = b.mul(queryTile, kRows);
              b.barrier();
              tiles.load(rows(p.q), firstQuery, q, spec.scoreScale(), p.cos,
                         p.sin);
              tiles.load(rows(p.dctx), firstQuery, dctx);
              b.barrier();
              Values s = tiles.dots(k, q), dp = tiles.dots(v, dctx);
              for (int64_t i = 0; i < FmaTiles::kOwnScores; ++i) {
                Value query =
                    b.add(b.add(firstQuery, i * FmaTiles::kSplit), tiles.split);
                Value last = b.constant(spec.seqLen - 1);
                Value position = b.minimum(query, last);
                Value at = b.add(
                    b.mul(b.add(sequenceStart, position), spec.heads), head);
                Value lse = b.loadF32(b.offset(p.lse, at));
                Value delta = b.loadF32(b.offset(p.delta, at));
                // Neither later keys nor queries that do not exist.
                Value none = arith::OrIOp::create(b, b.less(query, key),
                                                  b.less(last, query));
                s[i] = probability(b, tiles, s[i], lse, none);
                dp[i] = b.mulF(s[i], b.subF(dp[i], delta));
              }
              tiles.storeScores(s, weights);
              tiles.storeScores(dp, gradients);
              b.barrier();
              Values next =
                  tiles.accumulate(weights, dctx, carried.take_front(own));
              next.append(
                  tiles.accumulate(gradients, q, carried.drop_front(own)));
              return next;
            });
      });
  b.barrier();
  tiles.storeOwn(ArrayRef(sums).take_front(own), v);
  // q was scaled when it was loaded.
  tiles.storeOwn(ArrayRef(sums).drop_front(own), k);
  b.barrier();
  tiles.store(v, kvRows(p.dv), first);
  tiles.store(k, kvRows(p.dk), first, 1, p.cos, p.sin);
}
