//===- EmbeddingToGPU.cpp - GPU code of table look-ups --------------------===//

#include "mixln/Conversion/EmbeddingToGPU.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;

static constexpr int64_t kThreads = 256, kWarps = kThreads / 32;

/// Neighbouring columns of a thread: 16 bytes of bf16.
static int64_t chunkOf(bool aligned) { return aligned ? 8 : 1; }
static bool isAligned(int64_t columns) { return columns % 8 == 0; }

static Type typeOf(GpuBuilder &b, Element element) {
  return element == Element::F32 ? Type(b.getF32Type()) : b.getBF16Type();
}

static Value addressOf(GpuBuilder &b, Value base, Type element, Value index) {
  return LLVM::GEPOp::create(b, b.ptrType(), element, base,
                             ArrayRef<LLVM::GEPArg>{index});
}

static Value loadIndex(GpuBuilder &b, Value base, Value index) {
  return b.loadI32(base, index);
}

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

Launch mixln::gpuEmbeddingLaunch(int64_t rows, int64_t columns) {
  Launch launch;
  int64_t chunks = rows * (columns / chunkOf(isAligned(columns)));
  launch.tasks = {llvm::divideCeilSigned(chunks, kThreads)};
  launch.sizes = {rows, columns};
  launch.shapes = {{kThreads, 0}};
  return launch;
}

void mixln::emitGpuEmbeddingKernel(GpuBuilder &b, StringRef symbol,
                                   const EmbeddingSpec &spec, bool aligned) {
  int64_t chunk = chunkOf(aligned);
  Type from = typeOf(b, spec.table), to = typeOf(b, spec.out);
  GpuSignature signature{{true, true, false}, 2, 0, kThreads};
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    Value table = parameters.pointers[0], ids = parameters.pointers[1];
    Value out = parameters.pointers[2];
    Value rows = parameters.sizes[0], columns = parameters.sizes[1];
    Value number = b.add(b.mul(b.blockId(), kThreads), b.threadId());
    Value index = b.mul(number, chunk);
    b.ifThen(b.less(index, b.mul(rows, columns)), [&] {
      Value row = b.divide(index, columns);
      Value column = b.sub(index, b.mul(row, columns));
      Value id = loadIndex(b, ids, row);
      Value source = b.add(b.mul(id, columns), column);
      Value numbers =
          b.loadNumbers(addressOf(b, table, from, source), chunk, from);
      b.storeNumbers(numbers, addressOf(b, out, to, index), to);
    });
  });
}

//===----------------------------------------------------------------------===//
// Gradient
//===----------------------------------------------------------------------===//

Launch mixln::gpuEmbeddingGradLaunch(const EmbeddingGradSpec &spec,
                                     int64_t rows, int64_t columns,
                                     int64_t vocabulary) {
  Launch launch;
  int64_t chunk = chunkOf(isAligned(columns));
  if (!spec.accumulate) {
    launch.tasks.push_back(
        llvm::divideCeilSigned(vocabulary * (columns / chunk), kThreads));
    launch.shapes.push_back({kThreads, 0});
  }
  launch.tasks.push_back(rows * llvm::divideCeilSigned(columns, 32 * chunk));
  launch.shapes.push_back({kThreads, kThreads * chunk * 4});
  launch.sizes = {rows, columns, vocabulary};
  return launch;
}

static Value zeros(GpuBuilder &b, int64_t chunk) {
  if (chunk == 1)
    return b.constantF32(0);
  return arith::ConstantOp::create(
      b,
      DenseElementsAttr::get(VectorType::get({chunk}, b.getF32Type()), 0.0f));
}

static void emitClear(GpuBuilder &b, StringRef symbol,
                      const GpuSignature &signature, int64_t chunk) {
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    Value out = parameters.pointers.back();
    Value count = b.mul(parameters.sizes[1], parameters.sizes[2]);
    Value number = b.add(b.mul(b.blockId(), kThreads), b.threadId());
    Value index = b.mul(number, chunk);
    b.ifThen(b.less(index, count), [&] {
      b.storeNumbers(zeros(b, chunk), b.offset(out, index), b.getF32Type());
    });
  });
}

void mixln::emitGpuEmbeddingGradKernel(GpuBuilder &b, StringRef symbol,
                                       const EmbeddingGradSpec &spec,
                                       bool aligned,
                                       SmallVectorImpl<std::string> &phases) {
  int64_t chunk = chunkOf(aligned);
  Type element = typeOf(b, spec.dy);
  GpuSignature signature{{true, true, true, true}, 3, 0, kThreads};
  signature.readOnly.append(spec.accumulate ? 2 : 1, false);
  if (!spec.accumulate) {
    phases.push_back(symbol.str() + "_clear");
    emitClear(b, phases.back(), signature, chunk);
  }
  phases.push_back(symbol.str());
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    Value dy = parameters.pointers[0], ids = parameters.pointers[1];
    Value order = parameters.pointers[2], starts = parameters.pointers[3];
    Value out = parameters.pointers.back();
    Value rows = parameters.sizes[0], columns = parameters.sizes[1];
    Value thread = b.threadId();
    Value warp = b.divide(thread, 32), lane = b.remainder(thread, 32);
    // Column blocks of one run follow each other.
    Value parts = b.ceilDivide(columns, 32 * chunk);
    Value block = b.blockId();
    Value run = b.divide(block, parts);
    Value part = b.sub(block, b.mul(run, parts));
    Value column = b.mul(b.add(b.mul(part, 32), lane), chunk);
    Value inside = b.less(column, columns);
    // Lanes beyond the row repeat its last columns.
    column = b.minimum(column, b.sub(columns, b.constant(chunk)));
    Value first = loadIndex(b, starts, run);
    Value last = loadIndex(b, starts, b.add(run, 1));
    b.ifThen(b.less(first, rows), [&] {
      SmallVector<Value> sum = b.loop(
          b.add(first, warp), last, kWarps, SmallVector<Value>{zeros(b, chunk)},
          [&](Value position, ValueRange carried) {
            Value row = loadIndex(b, order, position);
            Value index = b.add(b.mul(row, columns), column);
            Value numbers =
                b.loadNumbers(addressOf(b, dy, element, index), chunk, element);
            return SmallVector<Value>{b.addF(carried[0], numbers)};
          });
      Value shared = b.shared();
      Type f32 = b.getF32Type();
      b.storeNumbers(sum[0], b.offset(shared, b.mul(thread, chunk)), f32);
      b.barrier();
      b.ifThen(b.both(inside, b.equal(warp, b.constant(0))), [&] {
        Value total = sum[0];
        for (int64_t other = 1; other < kWarps; ++other) {
          Value at = b.offset(b.offset(shared, other * 32 * chunk),
                              b.mul(lane, chunk));
          total = b.addF(total, b.loadNumbers(at, chunk, f32));
        }
        Value token = loadIndex(b, ids, loadIndex(b, order, first));
        Value at = b.offset(out, b.add(b.mul(token, columns), column));
        if (spec.accumulate)
          total = b.addF(b.loadNumbers(at, chunk, f32), total);
        b.storeNumbers(total, at, f32);
      });
    });
  });
}
