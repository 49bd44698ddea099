//===- Step.cpp - Attention of one position over those before it ----------===//
//
//   block (key/value head), thread t of 128:
//     K[at] = k, V[at] = v                    the caches, keys not rotated
//     for each query head of the group:
//       q' = rotate(q) to shared memory
//       rows t, t + 128, ... up to at: s = rotate(K[row]) . q'
//       m = max s, p = exp(s - m), l = sum p  over the block
//       columns t, t + 128, ...: ctx = sum of p V[row] / l
//
// Row `at` is read from k and v, so that nothing waits for the caches.
//
//===----------------------------------------------------------------------===//

#include "FmaTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mixln;

using Values = SmallVector<Value>;

static constexpr int64_t kThreads = 128, kWarps = kThreads / 32;

namespace {
class Step {
public:
  Step(GpuBuilder &b, const AttentionSpec &spec, ValueRange pointers)
      : b(b), spec(spec), q(pointers[0]), k(pointers[1]), v(pointers[2]),
        cos(pointers[3]), sin(pointers[4]), keys(pointers[5]),
        values(pointers[6]), position(pointers[7]), ctx(pointers[8]),
        newKeys(pointers[9]), newValues(pointers[10]),
        element(spec.element == Element::F32 ? Type(b.getF32Type())
                                             : b.getBF16Type()) {}

  void emit();

  static int64_t sharedElements(const AttentionSpec &spec) {
    return kWarps + spec.headDim + spec.seqLen;
  }

private:
  Value load(Value base, Value index) {
    return b.loadNumbers(b.offset(base, index, spec.element), 1, element);
  }
  /// A row of a cache, or `own` where it is the present one.
  Value rowOf(Value cache, Value own, Value row) {
    Value before = b.offset(cache, b.mul(row, stride()), spec.element);
    return b.select(b.equal(row, at), own, before);
  }
  int64_t stride() const { return spec.kvHeads * spec.headDim; }
  /// Columns `column` and `column` + half of a row, rotated as at `row`.
  std::pair<Value, Value> rotated(Value base, Value row, Value column);
  Value exponential(Value x);
  Value combineBlock(Value number, function_ref<Value(Value, Value)> combine);
  void emitHead(Value head);

  GpuBuilder &b;
  const AttentionSpec &spec;
  Value q, k, v, cos, sin, keys, values, position, ctx, newKeys, newValues;
  Type element;
  /// The present position, and how many there are with it.
  Value at, count, thread;
  /// Of the head: first column in a row of k and v.
  Value firstColumn;
  /// In shared memory.
  Value partial, query, scores;
};
} // namespace

std::pair<Value, Value> Step::rotated(Value base, Value row, Value column) {
  int64_t half = spec.headDim / 2;
  Value low = load(base, column), high = load(base, b.add(column, half));
  Value angle = b.add(b.mul(row, half), column);
  Value c = b.loadF32(b.offset(cos, angle)),
        s = b.loadF32(b.offset(sin, angle));
  return {b.subF(b.mulF(low, c), b.mulF(high, s)),
          b.addF(b.mulF(low, s), b.mulF(high, c))};
}

Value Step::exponential(Value x) {
  if (spec.element == Element::F32)
    return math::ExpOp::create(b, x);
  return LLVM::Exp2Op::create(b, b.getF32Type(),
                              b.mulF(x, b.constantF32(1.4426950408889634)),
                              LLVM::FastmathFlags::afn);
}

Value Step::combineBlock(Value number,
                         function_ref<Value(Value, Value)> combine) {
  number = b.combineWarp(number, 32, combine);
  b.barrier();
  b.ifThen(b.equal(b.remainder(thread, 32), b.constant(0)), [&] {
    b.storeF32(number, b.offset(partial, b.divide(thread, 32)));
  });
  b.barrier();
  return b.combineWarp(
      b.loadF32(b.offset(partial, b.remainder(thread, kWarps))), kWarps,
      combine);
}

void Step::emitHead(Value head) {
  int64_t dim = spec.headDim, half = dim / 2;
  Value zero = b.constantF32(0);
  Value ownQuery = b.offset(q, b.mul(head, dim), spec.element);
  // The head before may still read scores.
  b.barrier();
  b.loop(thread, b.constant(half), kThreads, [&](Value column) {
    auto [low, high] = rotated(ownQuery, at, column);
    Value scale = b.constantF32(spec.scoreScale());
    b.storeF32(b.mulF(low, scale), b.offset(query, column));
    b.storeF32(b.mulF(high, scale), b.offset(query, b.add(column, half)));
  });
  b.barrier();

  Value ownKey = b.offset(k, firstColumn, spec.element);
  Value headKeys = b.offset(keys, firstColumn, spec.element);
  Value never = b.constantF32(-std::numeric_limits<double>::infinity());
  auto larger = [&](Value x, Value y) { return b.maxF(x, y); };
  Value most =
      b.loop(thread, count, kThreads, Values{never},
             [&](Value row, ValueRange carried) {
               Value key = rowOf(headKeys, ownKey, row);
               Value score = b.loop(
                   b.constant(0), b.constant(half), 1, Values{zero},
                   [&](Value column, ValueRange sum) {
                     auto [low, high] = rotated(key, row, column);
                     Value first = b.loadF32(b.offset(query, column));
                     Value second =
                         b.loadF32(b.offset(query, b.add(column, half)));
                     Value dot = math::FmaOp::create(b, low, first, sum[0]);
                     return Values{math::FmaOp::create(b, high, second, dot)};
                   })[0];
               b.storeF32(score, b.offset(scores, row));
               return Values{larger(carried[0], score)};
             })[0];
  most = combineBlock(most, larger);
  Value total = b.loop(thread, count, kThreads, Values{zero},
                       [&](Value row, ValueRange carried) {
                         Value place = b.offset(scores, row);
                         Value weight =
                             exponential(b.subF(b.loadF32(place), most));
                         b.storeF32(weight, place);
                         return Values{b.addF(carried[0], weight)};
                       })[0];
  total = combineBlock(total, [&](Value x, Value y) { return b.addF(x, y); });
  Value inverse = b.divF(b.constantF32(1), total);

  Value ownValue = b.offset(v, firstColumn, spec.element);
  Value headValues = b.offset(values, firstColumn, spec.element);
  b.loop(thread, b.constant(dim), kThreads, [&](Value column) {
    Value sum =
        b.loop(b.constant(0), count, 1, Values{zero},
               [&](Value row, ValueRange carried) {
                 Value value = load(rowOf(headValues, ownValue, row), column);
                 return Values{math::FmaOp::create(
                     b, b.loadF32(b.offset(scores, row)), value, carried[0])};
               })[0];
    Value to = b.offset(ctx, b.add(b.mul(head, dim), column), spec.element);
    b.storeNumbers(b.mulF(sum, inverse), to, element);
  });
}

void Step::emit() {
  thread = b.threadId();
  Value kvHead = b.blockId();
  at = b.loadI32(position, b.constant(0));
  count = b.add(at, 1);
  firstColumn = b.mul(kvHead, spec.headDim);
  partial = b.shared();
  query = b.shared(4 * kWarps);
  scores = b.shared(4 * (kWarps + spec.headDim));
  Value row = b.add(b.mul(at, stride()), firstColumn);
  b.loop(thread, b.constant(spec.headDim), kThreads, [&](Value column) {
    for (auto [from, to] : {std::pair(k, newKeys), std::pair(v, newValues)})
      b.storeNumbers(load(from, b.add(firstColumn, column)),
                     b.offset(to, b.add(row, column), spec.element), element);
  });
  int64_t group = spec.heads / spec.kvHeads;
  b.loop(b.constant(0), b.constant(group), 1,
         [&](Value member) { emitHead(b.add(b.mul(kvHead, group), member)); });
}

Launch mixln::gpuAttentionStepLaunch(const AttentionSpec &spec) {
  Launch launch;
  launch.tasks = {spec.kvHeads};
  launch.sizes = {1};
  launch.shapes = {{kThreads, 4 * Step::sharedElements(spec)}};
  return launch;
}

void mixln::emitGpuAttentionStepKernel(GpuBuilder &b, StringRef symbol,
                                       const AttentionSpec &spec,
                                       SmallVectorImpl<std::string> &phases) {
  phases.push_back(symbol.str());
  GpuSignature signature;
  // The caches are written where they are read.
  for (bool readOnly :
       {true, true, true, true, true, false, false, true, false, false, false})
    signature.readOnly.push_back(readOnly);
  signature.sizes = 1;
  signature.threads = kThreads;
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    Step(b, spec, parameters.pointers).emit();
  });
}
