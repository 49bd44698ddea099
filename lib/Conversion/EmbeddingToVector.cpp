//===- EmbeddingToVector.cpp - Code of table look-ups ---------------------===//

#include "mixln/Conversion/EmbeddingToVector.h"

using namespace mlir;
using namespace mixln;

/// A task moves at least this much.
static constexpr int64_t kLeastElements = 1 << 14;
static constexpr int64_t kMostTasks = 64;

std::string EmbeddingSpec::name() const {
  std::string name = "embedding";
  if (table == Element::BF16)
    name += ".bf16";
  return name + (out == Element::BF16 ? ".to_bf16" : "");
}

std::string EmbeddingGradSpec::name() const {
  std::string name = "embedding_grad";
  if (dy == Element::BF16)
    name += ".bf16";
  return name + (accumulate ? ".add" : "");
}

static int64_t tasksFor(int64_t elements, int64_t most) {
  return std::clamp<int64_t>(elements / kLeastElements, 1,
                             std::clamp<int64_t>(most, 1, kMostTasks));
}

int64_t mixln::embeddingTasks(int64_t rows, int64_t columns) {
  return tasksFor(rows * columns, rows);
}

SmallVector<int64_t> mixln::embeddingGradTasks(const EmbeddingGradSpec &spec,
                                               int64_t rows, int64_t columns,
                                               int64_t vocabulary) {
  int64_t sums = tasksFor(rows * columns, rows);
  if (spec.accumulate)
    return {sums};
  return {tasksFor(vocabulary * columns, vocabulary), sums};
}

/// body(column, mask) for every vector of a row; all lanes are masked only in
/// the last one.
static void forColumns(KernelBuilder &b, Value columns,
                       function_ref<void(Value, Value)> body) {
  b.loop(b.constant(0), columns, b.lanes(), [&](Value column) {
    body(column, b.maskFor(b.sub(columns, column)));
  });
}

void mixln::emitEmbeddingKernel(KernelBuilder &b, StringRef symbol,
                                const EmbeddingSpec &spec) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    Value table = b.loadPtr(args.pointers, 0);
    Value ids = b.loadPtr(args.pointers, 1);
    Value out = b.loadPtr(args.pointers, 2);
    Value columns = b.loadI64(args.sizes, 1);
    auto [first, last] =
        b.partition(b.loadI64(args.sizes, 0), args.task, args.tasks);
    b.loop(first, last, 1, [&](Value row) {
      Value from =
          b.offset(table, b.mul(b.loadI32(ids, row), columns), spec.table);
      Value to = b.offset(out, b.mul(row, columns), spec.out);
      forColumns(b, columns, [&](Value column, Value mask) {
        Value values =
            b.loadVector(b.offset(from, column, spec.table), mask, spec.table);
        b.storeVector(values, b.offset(to, column, spec.out), mask, spec.out);
      });
    });
  });
}

void mixln::emitEmbeddingGradKernel(KernelBuilder &b, StringRef symbol,
                                    const EmbeddingGradSpec &spec,
                                    SmallVectorImpl<std::string> &phases) {
  int64_t gradAt = spec.accumulate ? 5 : 4;
  if (!spec.accumulate) {
    phases.push_back((symbol + ".zero").str());
    b.kernelFunction(phases.back(), [&](KernelBuilder::Arguments args) {
      Value grad = b.loadPtr(args.pointers, gradAt);
      Value columns = b.loadI64(args.sizes, 1);
      auto [first, last] =
          b.partition(b.loadI64(args.sizes, 2), args.task, args.tasks);
      Value from = b.offset(grad, b.mul(first, columns));
      forColumns(b, b.mul(b.sub(last, first), columns),
                 [&](Value at, Value mask) {
                   b.storeVector(b.zeroVector(), b.offset(from, at), mask);
                 });
    });
  }

  phases.push_back((symbol + ".sum").str());
  b.kernelFunction(phases.back(), [&](KernelBuilder::Arguments args) {
    Value dy = b.loadPtr(args.pointers, 0), ids = b.loadPtr(args.pointers, 1);
    Value order = b.loadPtr(args.pointers, 2);
    Value starts = b.loadPtr(args.pointers, 3);
    Value grad = b.loadPtr(args.pointers, gradAt);
    Value rows = b.loadI64(args.sizes, 0), columns = b.loadI64(args.sizes, 1);
    // Segments are dealt round: the ones after the last token are empty.
    b.loop(args.task, rows, args.tasks, [&](Value segment) {
      Value begin = b.loadI32(starts, segment);
      Value end = b.loadI32(starts, b.add(segment, 1));
      b.ifThen(b.less(begin, end), [&] {
        Value token = b.loadI32(ids, b.loadI32(order, begin));
        Value to = b.offset(grad, b.mul(token, columns));
        forColumns(b, columns, [&](Value column, Value mask) {
          Value at = b.offset(to, column);
          Value sum = b.loop(
              begin, end, 1, {b.loadVector(at, mask)},
              [&](Value i, ValueRange carried) {
                Value row = b.loadI32(order, i);
                Value from =
                    b.offset(dy, b.add(b.mul(row, columns), column), spec.dy);
                return SmallVector<Value>{
                    b.addF(carried[0], b.loadVector(from, mask, spec.dy))};
              })[0];
          b.storeVector(sum, at, mask);
        });
      });
    });
  });
}
