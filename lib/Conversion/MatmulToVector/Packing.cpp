//===- Packing.cpp - Sides of products in the order of their reading ------===//
//
//   B [N, K] or [K, N]  ->  [ceil(N/NR)][K][NR], zeros to the right of N
//
// A panel is what one pass of the micro kernel reads, in the order in which it
// reads it. From [N, K] squares of registers are transposed. With bf16 the
// same is done with words, pairs along K: two neighbours of a row of [N, K],
// two rows of [K, N] interleaved.
//
//===----------------------------------------------------------------------===//

#include "mixln/Conversion/MatmulToVector.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mixln;

static StringRef elementName(Element element) {
  return element == Element::F32 ? "f32" : "bf16";
}

std::string PackSpec::name() const {
  std::string name = transposed ? "pack.transposed" : "pack.plain";
  if (to == Element::BF16)
    name += llvm::formatv(".{0}.bf16", elementName(from));
  return name;
}

std::string PairSpec::name() const {
  return llvm::formatv("pair.{0}", elementName(from));
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

/// A task moves at least 64 KiB.
static constexpr int64_t kLeastElements = 1 << 14;
static constexpr int64_t kMostTasks = 64;

int64_t mixln::packedElements(const TargetInfo &target, int64_t n, int64_t k,
                              Element element) {
  int64_t width = panelColumns(target);
  if (element == Element::BF16)
    k += k % 2;
  return (n + width - 1) / width * width * k;
}

int64_t mixln::packTasks(const TargetInfo &target, int64_t n, int64_t k) {
  int64_t width = panelColumns(target);
  int64_t panels = (n + width - 1) / width;
  return std::clamp<int64_t>(n * k / kLeastElements, 1,
                             std::min<int64_t>(panels, kMostTasks));
}

SmallVector<int64_t> mixln::packSizes(const PackSpec &spec, int64_t n,
                                      int64_t k, int64_t ldb) {
  if (!ldb)
    ldb = spec.transposed ? k : n;
  return {n, k, ldb};
}

int64_t mixln::pairedElements(int64_t rows, int64_t columns) {
  return (rows + rows % 2) * columns;
}

int64_t mixln::pairTasks(int64_t rows, int64_t columns) {
  return std::clamp<int64_t>(rows * columns / kLeastElements, 1,
                             std::min<int64_t>((rows + 1) / 2, kMostTasks));
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

/// Words of panels: elements of f32, pairs of bf16.
static Value wordsOf(KernelBuilder &b, const PackSpec &spec, Value k) {
  return spec.to == Element::F32 ? k : b.ceilDivide(k, 2);
}

/// `lanes` words of a row, from word `k` on. Those at and beyond element
/// `depth` are zero; without it all exist.
static Value loadRowWords(KernelBuilder &b, const PackSpec &spec, Value row,
                          Value k, Value depth) {
  auto maskAt = [&](Value element) {
    return depth ? b.maskFor(b.sub(depth, element)) : Value();
  };
  if (spec.to == Element::F32)
    return b.loadVector(b.offset(row, k), maskAt(k));
  Value lower = b.mul(k, 2), upper = b.add(lower, b.lanes());
  auto bits = [&](Value element) {
    return b.loadBits(b.offset(row, element, spec.from), maskAt(element),
                      spec.from);
  };
  return b.concatenate(bits(lower), bits(upper));
}

/// `lanes` words of the columns at `row`: the elements there, of bf16 also
/// those of the next row if it exists.
static Value loadColumnWords(KernelBuilder &b, const PackSpec &spec, Value row,
                             Value ld, Value mask, Value hasNext) {
  if (spec.to == Element::F32)
    return b.loadVector(row, mask);
  Value low = b.loadBits(row, mask, spec.from);
  Value limit = b.select(hasNext, b.constant(b.lanes()), b.constant(0));
  Value nextMask = b.maskFor(limit);
  if (mask)
    nextMask = b.bitAnd(nextMask, mask);
  Value high = b.loadBits(b.offset(row, ld, spec.from), nextMask, spec.from);
  return b.interleave(low, high);
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

LLVM::LLVMFuncOp mixln::packSquareFunction(KernelBuilder &b,
                                           const PackSpec &spec) {
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      "mixln." + spec.name() + ".square", {ptr, i64, ptr, i64, i64},
      [&](ValueRange args) {
        Value from = args[0], ld = args[1], to = args[2], columns = args[3];
        Value depth = args[4], words = wordsOf(b, spec, depth);
        int64_t lanes = b.lanes(), width = panelColumns(b.getTarget());
        auto square = [&](Value k, bool whole) {
          SmallVector<Value> rows;
          for (int64_t i = 0; i < lanes; ++i) {
            Value limit;
            if (!whole)
              limit = b.select(b.less(b.constant(i), columns), depth,
                               b.constant(0));
            rows.push_back(loadRowWords(
                b, spec, b.offset(from, b.mul(ld, i), spec.from), k, limit));
          }
          b.transpose(rows);
          for (int64_t i = 0; i < lanes; ++i) {
            Value word = b.add(k, i);
            auto store = [&] {
              b.storeVector(rows[i], b.offset(to, b.mul(word, width)));
            };
            if (whole)
              store();
            else
              b.ifThen(b.less(word, words), store);
          }
        };
        int64_t perWord = spec.to == Element::F32 ? 1 : 2;
        Value size = b.constant(lanes);
        Value whole =
            b.mul(b.divide(depth, b.constant(lanes * perWord)), lanes);
        Value end = b.select(b.less(columns, size), b.constant(0), whole);
        b.loop(b.constant(0), end, lanes, [&](Value k) { square(k, true); });
        b.loop(end, words, lanes, [&](Value k) { square(k, false); });
      });
}

LLVM::LLVMFuncOp mixln::packFunction(KernelBuilder &b, const PackSpec &spec) {
  int64_t lanes = b.lanes(), width = panelColumns(b.getTarget());
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr, i64, i64, i64, i64};
  return b.privateFunction(
      "mixln." + spec.name(), arguments, [&](ValueRange args) {
        Value from = args[0], ld = args[1], to = args[2], n = args[3];
        Value depth = args[4], words = wordsOf(b, spec, depth);
        b.loop(args[5], args[6], 1, [&](Value panel) {
          Value column = b.mul(panel, width);
          Value panelTo = b.offset(to, b.mul(column, words));
          if (spec.transposed) {
            b.loop(b.constant(0), b.constant(width), lanes, [&](Value i) {
              Value at = b.add(column, i);
              b.call(packSquareFunction(b, spec),
                     {b.offset(from, b.mul(at, ld), spec.from), ld,
                      b.offset(panelTo, i), b.sub(n, at), depth});
            });
            return;
          }
          SmallVector<Value> masks;
          for (int64_t i = 0; i < width; i += lanes)
            masks.push_back(b.maskFor(b.sub(n, b.add(column, i))));
          b.loop(b.constant(0), words, 1, [&](Value word) {
            Value k = spec.to == Element::F32 ? word : b.mul(word, 2);
            Value hasNext = b.less(b.add(k, 1), depth);
            Value source =
                b.offset(from, b.add(b.mul(k, ld), column), spec.from);
            Value target = b.offset(panelTo, b.mul(word, width));
            for (int64_t i = 0; i < width; i += lanes)
              b.storeVector(loadColumnWords(b, spec,
                                            b.offset(source, i, spec.from), ld,
                                            masks[i / lanes], hasNext),
                            b.offset(target, i));
          });
        });
      });
}

void mixln::emitPackKernel(KernelBuilder &b, StringRef symbol,
                           const PackSpec &spec) {
  LLVM::LLVMFuncOp pack = packFunction(b, spec);
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    Value n = b.loadI64(args.sizes, 0), depth = b.loadI64(args.sizes, 1);
    auto [first, last] = b.partition(
        b.ceilDivide(n, panelColumns(b.getTarget())), args.task, args.tasks);
    b.call(pack, {b.loadPtr(args.pointers, 0), b.loadI64(args.sizes, 2),
                  b.loadPtr(args.pointers, 1), n, depth, first, last});
  });
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

LLVM::LLVMFuncOp mixln::pairFunction(KernelBuilder &b, const PairSpec &spec) {
  PackSpec words;
  words.from = spec.from;
  words.to = Element::BF16;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  SmallVector<Type> arguments = {ptr, i64, ptr};
  arguments.append(5, i64);
  return b.privateFunction(
      "mixln." + spec.name(), arguments, [&](ValueRange args) {
        Value from = args[0], ld = args[1], to = args[2], ldTo = args[3];
        Value rows = args[4], columns = args[5];
        int64_t lanes = b.lanes();
        Value whole = b.mul(b.divide(columns, b.constant(lanes)), lanes);
        b.loop(args[6], args[7], 1, [&](Value pair) {
          Value row = b.mul(pair, 2);
          Value hasNext = b.less(b.add(row, 1), rows);
          Value source = b.offset(from, b.mul(row, ld), spec.from);
          Value target = b.offset(to, b.mul(pair, ldTo));
          auto chunk = [&](Value column, Value mask) {
            Value pairs =
                loadColumnWords(b, words, b.offset(source, column, spec.from),
                                ld, mask, hasNext);
            b.storeVector(pairs, b.offset(target, column), mask);
          };
          b.loop(b.constant(0), whole, lanes,
                 [&](Value column) { chunk(column, Value()); });
          b.loop(whole, columns, lanes, [&](Value column) {
            chunk(column, b.maskFor(b.sub(columns, column)));
          });
        });
      });
}

LLVM::LLVMFuncOp mixln::pairRowsFunction(KernelBuilder &b, bool panels) {
  PackSpec words;
  words.from = words.to = Element::BF16;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      panels ? "mixln.pair_rows.panels" : "mixln.pair_rows",
      {ptr, i64, ptr, i64, i64, i64}, [&](ValueRange args) {
        Value from = args[0], ld = args[1], to = args[2], columns = args[5];
        Value hasNext = b.less(b.constant(1), args[4]);
        int64_t lanes = b.lanes(), width = panelColumns(b.getTarget());
        auto chunk = [&](Value column, Value target, Value mask) {
          Value pairs =
              loadColumnWords(b, words, b.offset(from, column, Element::BF16),
                              ld, mask, hasNext);
          // Panels have zeros to the right of the last column.
          b.storeVector(pairs, target, panels ? Value() : mask);
        };
        if (!panels) {
          Value whole = b.mul(b.divide(columns, b.constant(lanes)), lanes);
          b.loop(b.constant(0), whole, lanes, [&](Value column) {
            chunk(column, b.offset(to, column), Value());
          });
          b.loop(whole, columns, lanes, [&](Value column) {
            chunk(column, b.offset(to, column),
                  b.maskFor(b.sub(columns, column)));
          });
          return;
        }
        Value whole = b.divide(columns, b.constant(width));
        auto panel = [&](Value index, bool masked) {
          Value column = b.mul(index, width);
          Value target = b.offset(to, b.mul(index, args[3]));
          for (int64_t i = 0; i < width; i += lanes) {
            Value at = b.add(column, i);
            chunk(at, b.offset(target, i),
                  masked ? b.maskFor(b.sub(columns, at)) : Value());
          }
        };
        b.loop(b.constant(0), whole, 1,
               [&](Value index) { panel(index, false); });
        b.loop(whole, b.ceilDivide(columns, width), 1,
               [&](Value index) { panel(index, true); });
      });
}

void mixln::emitPairKernel(KernelBuilder &b, StringRef symbol,
                           const PairSpec &spec) {
  LLVM::LLVMFuncOp pair = pairFunction(b, spec);
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    Value rows = b.loadI64(args.sizes, 0), columns = b.loadI64(args.sizes, 1);
    auto [first, last] =
        b.partition(b.ceilDivide(rows, 2), args.task, args.tasks);
    b.call(pair,
           {b.loadPtr(args.pointers, 0), columns, b.loadPtr(args.pointers, 1),
            columns, rows, columns, first, last});
  });
}
