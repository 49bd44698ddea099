//===- MicroKernel.cpp - A tile of C in registers -------------------------===//
//
//   prefetch the lines of the C tile
//   for k: load `vectors` vectors of B; for each row: broadcast A[row][k], fma
//   store or add, the last vector under a mask
//
// 24 sums hide the latency of fma and leave registers for B. Loads are written
// before the products of one k; LLVM's order is as good as one by hand.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/MatmulToVector.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

LLVM::LLVMFuncOp mixln::microKernel(KernelBuilder &b,
                                    const MicroKernelSpec &spec) {
  std::string name = llvm::formatv(
      "mixln.micro.{0}.{1}x{2}.s{3}{4}{5}{6}", spec.transposeLhs ? "t" : "n",
      spec.rows, spec.vectors, spec.rhsStride, spec.maskRhs ? ".mask" : "",
      spec.whole ? ".whole" : "", spec.prefetchSteps ? ".ahead" : "");
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, ptr, i64, i64, i64, i64};
  return b.privateFunction(name, arguments, [&](ValueRange args) {
    Value lhs = args[0], lda = args[1], rhs = args[2], ldb = args[3];
    Value out = args[4], ldc = args[5], depth = args[6], columns = args[7];
    Value accumulate = args[8];
    int64_t lanes = b.lanes();
    int64_t last = spec.vectors - 1;
    Value mask;
    if (!spec.whole)
      mask = b.maskFor(b.sub(columns, b.constant(last * lanes)));
    auto load = [&](Value at, bool masked) {
      return masked && mask ? b.loadVector(at, mask) : b.loadVector(at);
    };
    // A register may be less than a line.
    auto beginsLine = [&](int64_t v) {
      return v * lanes * 4 % b.getTarget().lineBytes == 0;
    };

    SmallVector<Value> outRows;
    for (int64_t row = 0; row < spec.rows; ++row) {
      outRows.push_back(b.offset(out, b.mul(ldc, row)));
      for (int64_t v = 0; v < spec.vectors; ++v)
        if (beginsLine(v))
          b.prefetch(b.offset(outRows[row], v * lanes));
    }

    SmallVector<Value> sums(spec.rows * spec.vectors, b.zeroVector());
    sums =
        b.loop(b.constant(0), depth, 1, sums, [&](Value k, ValueRange carried) {
          SmallVector<Value> next(carried.begin(), carried.end());
          Value rhsRow = spec.rhsStride
                             ? b.offset(rhs, b.mul(k, spec.rhsStride))
                             : b.offset(rhs, b.mul(k, ldb));
          Value lhsColumn = spec.transposeLhs ? b.offset(lhs, b.mul(k, lda))
                                              : b.offset(lhs, k);
          if (spec.prefetchSteps) {
            // Past the end of the operands this touches nothing: a prefetch
            // does not fault.
            Value ahead = b.constant(spec.prefetchSteps);
            b.prefetch(b.offset(lhsColumn, b.mul(lda, ahead)));
            Value rhsAhead = b.offset(rhsRow, b.mul(ldb, ahead));
            for (int64_t v = 0; v < spec.vectors && !spec.rhsStride; ++v)
              if (beginsLine(v))
                b.prefetch(b.offset(rhsAhead, v * lanes));
          }
          SmallVector<Value> vectors;
          for (int64_t v = 0; v < spec.vectors; ++v) {
            vectors.push_back(
                load(b.offset(rhsRow, v * lanes), spec.maskRhs && v == last));
          }
          for (int64_t row = 0; row < spec.rows; ++row) {
            Value at = spec.transposeLhs ? b.offset(lhsColumn, row)
                                         : b.offset(lhsColumn, b.mul(lda, row));
            Value factor = b.broadcast(b.loadF32(at));
            for (int64_t v = 0; v < spec.vectors; ++v) {
              Value &sum = next[row * spec.vectors + v];
              sum = b.fma(factor, vectors[v], sum);
            }
          }
          return next;
        });

    auto store = [&](bool add) {
      for (int64_t row = 0; row < spec.rows; ++row)
        for (int64_t v = 0; v < spec.vectors; ++v) {
          Value at = b.offset(outRows[row], v * lanes);
          Value sum = sums[row * spec.vectors + v];
          if (add)
            sum = b.addF(load(at, v == last), sum);
          if (v == last && mask)
            b.storeVector(sum, at, mask);
          else
            b.storeVector(sum, at);
        }
    };
    b.ifElse(b.isTrue(accumulate), [&] { store(true); }, [&] { store(false); });
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
