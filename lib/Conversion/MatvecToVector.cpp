//===- MatvecToVector.cpp - Code of matrix-vector products ----------------===//

#include "mixln/Conversion/MatvecToVector.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

static StringRef elementName(Element element) {
  return element == Element::F32 ? "f32" : "bf16";
}

std::string MatvecSpec::name() const {
  std::string name =
      llvm::formatv("matvec.{0}.{1}.{2}.{3}x{4}", elementName(product),
                    elementName(lhs), elementName(rhs), numLhs, numRhs);
  if (bf16Results)
    name += llvm::formatv(".to_bf16_{0:x-}", bf16Results);
  return name;
}

int64_t mixln::matvecTasks(ArrayRef<std::pair<int64_t, int64_t>> products) {
  // A task reads at least this much; more threads than this do not read
  // faster.
  constexpr int64_t kLeastElements = 1 << 15;
  constexpr int64_t kMostTasks = 64;
  int64_t elements = 0;
  for (auto [n, k] : products)
    elements += n * k;
  return std::clamp<int64_t>(elements / kLeastElements, 1, kMostTasks);
}

/// (x, W, y, K, stride, rows): `rows` dot products, 4 at a time.
static LLVM::LLVMFuncOp rowsFunction(KernelBuilder &b, const MatvecSpec &spec,
                                     Element out) {
  constexpr int64_t kRows = 4, kVectors = 2;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  std::string name = llvm::formatv(
      "mixln.matvec.{0}.{1}.{2}.{3}", elementName(spec.product),
      elementName(spec.lhs), elementName(spec.rhs), elementName(out));
  return b.privateFunction(
      name, {ptr, ptr, ptr, i64, i64}, [&](ValueRange args) {
        Value depth = args[3], rows = args[4], zero = b.constant(0);
        int64_t step = kVectors * b.lanes();
        Value whole = b.mul(b.divide(depth, b.constant(step)), step);
        auto load = [&](Value from, Value at, Value mask, Element element) {
          Value value =
              b.loadVector(b.offset(from, at, element), mask, element);
          bool rounds =
              spec.product == Element::BF16 && element == Element::F32;
          return rounds ? b.widen(b.narrow(value)) : value;
        };
        auto tile = [&](Value row, int64_t count) {
          SmallVector<Value> weights, sums(count * kVectors, b.zeroVector());
          for (int64_t r = 0; r < count; ++r)
            weights.push_back(
                b.offset(args[1], b.mul(b.add(row, r), depth), spec.rhs));
          sums =
              b.loop(zero, whole, step, sums, [&](Value k, ValueRange carried) {
                SmallVector<Value> next(carried);
                for (int64_t v = 0; v < kVectors; ++v) {
                  Value at = b.add(k, v * b.lanes());
                  Value x = load(args[0], at, Value(), spec.lhs);
                  for (int64_t r = 0; r < count; ++r) {
                    Value &sum = next[r * kVectors + v];
                    sum =
                        b.fma(load(weights[r], at, Value(), spec.rhs), x, sum);
                  }
                }
                return next;
              });
          SmallVector<Value> totals;
          for (int64_t r = 0; r < count; ++r)
            totals.push_back(
                b.addF(sums[r * kVectors], sums[r * kVectors + 1]));
          totals =
              b.loop(whole, depth, b.lanes(), totals,
                     [&](Value k, ValueRange carried) {
                       Value mask = b.maskFor(b.sub(depth, k));
                       Value x = load(args[0], k, mask, spec.lhs);
                       SmallVector<Value> next;
                       for (auto [weight, sum] : llvm::zip(weights, carried))
                         next.push_back(
                             b.fma(load(weight, k, mask, spec.rhs), x, sum));
                       return next;
                     });
          Value one = b.maskFor(b.constant(1));
          for (auto [r, total] : llvm::enumerate(totals))
            b.storeVector(
                b.broadcast(b.sumLanes(total)),
                b.offset(args[2], b.add(row, static_cast<int64_t>(r)), out),
                one, out);
        };
        Value tiled = b.mul(b.divide(rows, b.constant(kRows)), kRows);
        b.loop(zero, tiled, kRows, [&](Value row) { tile(row, kRows); });
        b.loop(tiled, rows, 1, [&](Value row) { tile(row, 1); });
      });
}

void mixln::emitMatvecKernel(KernelBuilder &b, StringRef symbol,
                             const MatvecSpec &spec) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    int64_t products = std::max(spec.numLhs, spec.numRhs);
    for (int64_t i = 0; i < products; ++i) {
      Value x = b.loadPtr(args.pointers, spec.numLhs == 1 ? 0 : i);
      Value weight =
          b.loadPtr(args.pointers, spec.numLhs + (spec.numRhs == 1 ? 0 : i));
      Value out = b.loadPtr(args.pointers, spec.numLhs + spec.numRhs + i);
      Value n = b.loadI64(args.sizes, 2 * i);
      Value depth = b.loadI64(args.sizes, 2 * i + 1);
      auto [first, last] = b.partition(n, args.task, args.tasks);
      Element to = spec.bf16Results >> i & 1 ? Element::BF16 : Element::F32;
      b.call(rowsFunction(b, spec, to),
             {x, b.offset(weight, b.mul(first, depth), spec.rhs),
              b.offset(out, first, to), depth, b.sub(last, first)});
    }
  });
}
