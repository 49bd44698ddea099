//===- MicroKernel.cpp - A tile of C in registers -------------------------===//
//
//   prefetch the lines of the C tile
//   for k: load `vectors` vectors of B; for each row: broadcast A[row][k], fma
//   store or add, the last vector under a mask
//
// 24 sums hide the latency of fma and leave registers for B. Loads are written
// before the products of one k; LLVM's order is as good as one by hand.
//
// Products of bf16 take two steps of K at once: k counts words, and the rest is
// the same.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/MatmulToVector.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

std::string MicroKernelSpec::name() const {
  return llvm::formatv("mixln.micro.{0}{1}{2}.{3}x{4}.s{5}{6}{7}{8}",
                       product == Element::BF16 ? "bf16." : "",
                       lhsStride      ? "g"
                       : transposeLhs ? "t"
                                      : "n",
                       result == Element::BF16 ? ".to_bf16" : "", rows, vectors,
                       rhsStride, maskRhs ? ".mask" : "", whole ? ".whole" : "",
                       std::string(prefetchSteps ? ".ahead" : "") +
                           (partialStride ? ".sums" : "") +
                           (oddDepth ? ".odd" : ""));
}

namespace {

/// Writes one micro kernel.
class MicroEmitter {
public:
  MicroEmitter(KernelBuilder &b, const MicroKernelSpec &spec, ValueRange args)
      : b(b), spec(spec), args(args), lanes(b.lanes()) {}
  void emit();

private:
  using Values = SmallVector<Value>;

  bool beginsLine(int64_t v, Element element) {
    return v * lanes * elementBytes(element) % b.getTarget().lineBytes == 0;
  }
  bool isMasked(int64_t v) { return mask && v == spec.vectors - 1; }
  Value flag(MatmulFlags bit) {
    return b.isTrue(b.bitAnd(args[8], b.constant(bit)));
  }
  Value partialAt(int64_t row, int64_t v) {
    return b.offset(args[9], row * spec.partialStride + v * lanes);
  }
  Values products(Value k, Values sums, bool half);
  Values inner(Values sums);
  void forTile(function_ref<void(int64_t, int64_t, Value)> body,
               const Values &sums);
  /// What `body` makes of each of `values` if the flag is set, else `values`.
  Values onlyIf(MatmulFlags bit, const Values &values,
                function_ref<Value(int64_t, int64_t, Value)> body);

  KernelBuilder &b;
  const MicroKernelSpec &spec;
  ValueRange args;
  int64_t lanes;
  Value mask;
};

} // namespace

/// The sums after step k.
SmallVector<Value> MicroEmitter::products(Value k, Values sums, bool half) {
  Value lhs = args[0], lda = args[1], rhs = args[2], ldb = args[3];
  bool words = spec.product == Element::BF16;
  Value rhsRow =
      b.offset(rhs, spec.rhsStride ? b.mul(k, spec.rhsStride) : b.mul(k, ldb));
  Value lhsColumn = b.offset(lhs, spec.lhsStride      ? b.mul(k, spec.lhsStride)
                                  : spec.transposeLhs ? b.mul(k, lda)
                                                      : k);
  if (spec.prefetchSteps) {
    // Past the end of the operands this touches nothing: a prefetch does not
    // fault.
    Value ahead = b.constant(spec.prefetchSteps);
    b.prefetch(b.offset(lhsColumn, b.mul(lda, ahead)));
    Value rhsAhead = b.offset(rhsRow, b.mul(ldb, ahead));
    for (int64_t v = 0; v < spec.vectors && !spec.rhsStride; ++v)
      if (beginsLine(v, Element::F32))
        b.prefetch(b.offset(rhsAhead, v * lanes));
  }
  Values vectors, factors;
  for (int64_t v = 0; v < spec.vectors; ++v)
    vectors.push_back(
        b.loadVector(b.offset(rhsRow, v * lanes),
                     spec.maskRhs && isMasked(v) ? mask : Value()));
  for (int64_t row = 0; row < spec.rows; ++row) {
    Value at = spec.transposeLhs
                   ? b.offset(lhsColumn, row)
                   : b.offset(lhsColumn, b.mul(lda, row), spec.product);
    Value factor = half    ? b.loadHalfWord(at)
                   : words ? b.loadWord(at)
                           : b.loadF32(at);
    factors.push_back(b.broadcast(factor));
  }
  for (int64_t part = 0; part < b.productParts(spec.product); ++part) {
    Values parts;
    for (Value vector : vectors)
      parts.push_back(b.productPart(spec.product, vector, part));
    for (int64_t row = 0; row < spec.rows; ++row) {
      Value factor = b.productPart(spec.product, factors[row], part);
      for (int64_t v = 0; v < spec.vectors; ++v) {
        Value &sum = sums[row * spec.vectors + v];
        sum = b.multiplyAdd(spec.product, factor, parts[v], sum);
      }
    }
  }
  return sums;
}

SmallVector<Value> MicroEmitter::inner(Values sums) {
  Value depth = args[6], whole = depth;
  if (spec.oddDepth)
    whole = b.select(flag(kHalfWord), b.sub(depth, b.constant(1)), depth);
  sums =
      b.loop(b.constant(0), whole, 1, sums, [&](Value k, ValueRange carried) {
        return products(k, Values(carried), /*half=*/false);
      });
  if (spec.oddDepth)
    sums = b.loop(whole, depth, 1, sums, [&](Value k, ValueRange carried) {
      return products(k, Values(carried), /*half=*/true);
    });
  return sums;
}

void MicroEmitter::forTile(function_ref<void(int64_t, int64_t, Value)> body,
                           const Values &sums) {
  for (int64_t row = 0; row < spec.rows; ++row)
    for (int64_t v = 0; v < spec.vectors; ++v)
      body(row, v, sums[row * spec.vectors + v]);
}

SmallVector<Value>
MicroEmitter::onlyIf(MatmulFlags bit, const Values &values,
                     function_ref<Value(int64_t, int64_t, Value)> body) {
  return b.choose(
      flag(bit), TypeRange(ValueRange(values)),
      [&] {
        Values made;
        forTile([&](int64_t row, int64_t v,
                    Value value) { made.push_back(body(row, v, value)); },
                values);
        return made;
      },
      [&] { return values; });
}

void MicroEmitter::emit() {
  Value out = args[4], ldc = args[5], columns = args[7];
  if (!spec.whole)
    mask = b.maskFor(b.sub(columns, b.constant((spec.vectors - 1) * lanes)));
  Values outRows;
  for (int64_t row = 0; row < spec.rows; ++row) {
    outRows.push_back(b.offset(out, b.mul(ldc, row), spec.result));
    for (int64_t v = 0; v < spec.vectors; ++v)
      if (beginsLine(v, spec.result))
        b.prefetch(b.offset(outRows[row], v * lanes, spec.result));
  }
  auto outAt = [&](int64_t row, int64_t v) {
    return b.offset(outRows[row], v * lanes, spec.result);
  };
  auto maskOf = [&](int64_t v) { return isMasked(v) ? mask : Value(); };

  bool waits = spec.partialStride != 0;
  Values sums(spec.rows * spec.vectors, b.zeroVector());
  if (waits)
    sums = onlyIf(kAdd, sums, [&](int64_t row, int64_t v, Value) {
      return b.loadVector(partialAt(row, v));
    });
  sums = inner(sums);
  auto finish = [&] {
    Values total = sums;
    if (spec.result == Element::F32)
      total =
          onlyIf(waits ? kAddWhole : kAdd, sums,
                 [&](int64_t row, int64_t v, Value sum) {
                   return b.addF(b.loadVector(outAt(row, v), maskOf(v)), sum);
                 });
    forTile(
        [&](int64_t row, int64_t v, Value sum) {
          b.storeVector(sum, outAt(row, v), maskOf(v), spec.result);
        },
        total);
  };
  if (!waits)
    return finish();
  b.ifElse(
      flag(kKeep),
      [&] {
        forTile([&](int64_t row, int64_t v,
                    Value sum) { b.storeVector(sum, partialAt(row, v)); },
                sums);
      },
      finish);
}

LLVM::LLVMFuncOp mixln::microKernel(KernelBuilder &b,
                                    const MicroKernelSpec &spec) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, ptr,
                                 i64, i64, i64, i64, ptr};
  return b.privateFunction(spec.name(), arguments, [&](ValueRange args) {
    MicroEmitter(b, spec, args).emit();
  });
}

void mixln::forRowTiles(KernelBuilder &b, Value from, Value to,
                        MicroKernelSpec spec,
                        function_ref<void(LLVM::LLVMFuncOp, Value)> emitCall) {
  Value tiles = b.divide(b.sub(to, from), b.constant(spec.rows));
  Value row = b.add(from, b.mul(tiles, spec.rows));
  b.loop(from, row, spec.rows,
         [&](Value at) { emitCall(microKernel(b, spec), at); });
  for (int64_t rows : {4, 2, 1}) {
    if (rows >= spec.rows)
      continue;
    spec.rows = std::min(spec.rows, rows);
    Value next = b.add(row, rows);
    Value fits = b.less(row, b.sub(to, b.constant(rows - 1)));
    b.ifThen(fits, [&] { emitCall(microKernel(b, spec), row); });
    row = b.select(fits, next, row);
  }
}

void mixln::switchOnVectors(KernelBuilder &b, Value columns, int64_t most,
                            function_ref<void(int64_t)> body) {
  // The full panel is tested first: it is the common one.
  std::function<void(int64_t)> emit = [&](int64_t vectors) {
    if (vectors == 1)
      return body(1);
    Value wide = b.less(b.constant((vectors - 1) * b.lanes()), columns);
    b.ifElse(wide, [&] { body(vectors); }, [&] { emit(vectors - 1); });
  };
  emit(most);
}
