//===- Packing.cpp - Right sides of products in panels --------------------===//
//
//   B [N, K] or [K, N]  ->  [ceil(N/NR)][K][NR], zeros to the right of N
//
// A panel is what one pass of the micro kernel reads, in the order in which it
// reads it. From [N, K] squares of 16 x 16 are transposed in registers.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/MatmulToVector.h"

using namespace mlir;
using namespace mixln;

std::string PackSpec::name() const {
  return transposed ? "pack.transposed" : "pack.plain";
}

int64_t mixln::packedElements(const TargetInfo &target, int64_t n, int64_t k) {
  int64_t width = panelColumns(target);
  return (n + width - 1) / width * width * k;
}

int64_t mixln::packTasks(const TargetInfo &target, int64_t n, int64_t k) {
  // A task moves at least 64 KiB.
  constexpr int64_t kLeastElements = 1 << 14;
  int64_t width = panelColumns(target);
  int64_t panels = (n + width - 1) / width;
  return std::clamp<int64_t>(n * k / kLeastElements, 1,
                             std::min<int64_t>(panels, 64));
}

SmallVector<int64_t> mixln::packSizes(const PackSpec &spec, int64_t n,
                                      int64_t k, int64_t ldb) {
  if (!ldb)
    ldb = spec.transposed ? k : n;
  return {n, k, ldb};
}

/// (from, ld, to, columns, K): `lanes` columns of a panel, of which `columns`
/// exist.
static LLVM::LLVMFuncOp packTransposed(KernelBuilder &b) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      "mixln.pack.square", {ptr, i64, ptr, i64, i64}, [&](ValueRange args) {
        Value from = args[0], ld = args[1], to = args[2], columns = args[3];
        Value depth = args[4];
        int64_t lanes = b.lanes(), width = panelColumns(b.getTarget());
        Value square = b.constant(lanes);
        Value whole = b.mul(b.divide(depth, square), lanes);
        Value vectorEnd =
            b.select(b.less(columns, square), b.constant(0), whole);
        b.loop(b.constant(0), vectorEnd, lanes, [&](Value k) {
          SmallVector<Value> rows;
          for (int64_t i = 0; i < lanes; ++i)
            rows.push_back(
                b.loadVector(b.offset(from, b.add(b.mul(ld, i), k))));
          b.transpose(rows);
          for (int64_t i = 0; i < lanes; ++i)
            b.storeVector(rows[i], b.offset(to, b.mul(b.add(k, i), width)));
        });
        // What is left is small: a few columns, or less than `lanes` of k.
        b.loop(vectorEnd, depth, 1, [&](Value k) {
          Value row = b.offset(to, b.mul(k, width));
          b.storeVector(b.zeroVector(), row);
          b.loop(b.constant(0), b.minimum(columns, square), 1, [&](Value i) {
            Value element = b.loadF32(b.offset(from, b.add(b.mul(i, ld), k)));
            b.storeF32(element, b.offset(row, i));
          });
        });
      });
}

LLVM::LLVMFuncOp mixln::packFunction(KernelBuilder &b, bool transposed) {
  int64_t lanes = b.lanes(), width = panelColumns(b.getTarget());
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, i64, i64, i64};
  StringRef name = transposed ? "mixln.pack.t" : "mixln.pack.n";
  return b.privateFunction(name, arguments, [&](ValueRange args) {
    Value from = args[0], ld = args[1], to = args[2], n = args[3];
    Value depth = args[4];
    b.loop(args[5], args[6], 1, [&](Value panel) {
      Value column = b.mul(panel, width);
      Value panelTo = b.offset(to, b.mul(column, depth));
      if (transposed) {
        b.loop(b.constant(0), b.constant(width), lanes, [&](Value i) {
          Value at = b.add(column, i);
          b.call(packTransposed(b),
                 {b.offset(from, b.mul(at, ld)), ld, b.offset(panelTo, i),
                  b.sub(n, at), depth});
        });
        return;
      }
      SmallVector<Value> masks;
      for (int64_t i = 0; i < width; i += lanes)
        masks.push_back(b.maskFor(b.sub(n, b.add(column, b.constant(i)))));
      b.loop(b.constant(0), depth, 1, [&](Value k) {
        Value source = b.offset(from, b.add(b.mul(k, ld), column));
        Value target = b.offset(panelTo, b.mul(k, width));
        for (int64_t i = 0; i < width; i += lanes)
          b.storeVector(b.loadVector(b.offset(source, i), masks[i / lanes]),
                        b.offset(target, i));
      });
    });
  });
}

void mixln::emitPackKernel(KernelBuilder &b, StringRef symbol,
                           const PackSpec &spec) {
  LLVM::LLVMFuncOp pack = packFunction(b, spec.transposed);
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    Value n = b.loadI64(args.sizes, 0), depth = b.loadI64(args.sizes, 1);
    auto [first, last] = b.partition(
        b.ceilDivide(n, panelColumns(b.getTarget())), args.task, args.tasks);
    b.call(pack, {b.loadPtr(args.pointers, 0), b.loadI64(args.sizes, 2),
                  b.loadPtr(args.pointers, 1), n, depth, first, last});
  });
}
