//===- MmaHeads.cpp - Heads of bf16 as tiles of tensor cores --------------===//

#include "MmaHeads.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

static constexpr int64_t kChunk = MmaTiles::kChunk;

MmaHeads::MmaHeads(GpuBuilder &b, const AttentionSpec &spec)
    : mma(b), b(b), spec(spec) {
  ownRows = b.mul(mma.warp, MmaTiles::kSide);
}

MmaHeads::Tile MmaHeads::tile(int64_t rowsBefore) {
  return {b.shared(bytesOf(spec, rowsBefore)),
          MmaTiles::strideOf(spec.headDim)};
}

Value MmaHeads::within(Value position) {
  return b.minimum(position, b.constant(spec.seqLen - 1));
}

Value MmaHeads::numberAt(Value sequence, Value position, Value head) {
  Value row = b.add(b.mul(sequence, spec.seqLen), within(position));
  return b.add(b.mul(row, spec.heads), head);
}

//===----------------------------------------------------------------------===//
// Rows in memory
//===----------------------------------------------------------------------===//

void MmaHeads::forChunks(int64_t rows, int64_t chunks,
                         function_ref<void(Value, Value)> body) {
  // Unrolled, so that all loads are on their way before the first is used.
  for (int64_t first = 0; first < rows * chunks; first += kThreads) {
    Value i = b.add(mma.thread, first);
    auto chunk = [&] { body(b.divide(i, chunks), b.remainder(i, chunks)); };
    if (first + kThreads <= rows * chunks)
      chunk();
    else
      b.ifThen(b.less(i, b.constant(rows * chunks)), chunk);
  }
}

static Value addressOf(GpuBuilder &b, const HeadRows &rows, Value position,
                       Value chunk) {
  return b.offset(rows.base,
                  b.add(b.mul(position, rows.stride), b.mul(chunk, kChunk)),
                  Element::BF16);
}

void MmaHeads::copy(const HeadRows &from, Value first, int64_t rows,
                    const Tile &to) {
  forChunks(rows, spec.headDim / kChunk, [&](Value row, Value chunk) {
    b.copyLater(mma.address(to, row, b.mul(chunk, kChunk)),
                addressOf(b, from, within(b.add(first, row)), chunk));
  });
}

void MmaHeads::rotate(const HeadRows &from, Value first, int64_t rows,
                      const Tile &to, Value cos, Value sin) {
  int64_t half = spec.headDim / 2;
  Type bf16 = b.getBF16Type(), f32 = b.getF32Type();
  forChunks(rows, half / kChunk, [&](Value row, Value chunk) {
    Value position = within(b.add(first, row));
    Value at = addressOf(b, from, position, chunk);
    Value x = b.loadNumbers(at, kChunk, bf16);
    Value y = b.loadNumbers(b.offset(at, half, Element::BF16), kChunk, bf16);
    Value angle = b.add(b.mul(position, half), b.mul(chunk, kChunk));
    Value c = b.loadNumbers(b.offset(cos, angle), kChunk, f32);
    Value s = b.loadNumbers(b.offset(sin, angle), kChunk, f32);
    Value low = b.subF(b.mulF(x, c), b.mulF(y, s));
    Value high = b.fmaF(x, s, b.mulF(y, c));
    Value place = mma.address(to, row, b.mul(chunk, kChunk));
    b.storeNumbers(low, place, bf16);
    b.storeNumbers(high, b.offset(place, half, Element::BF16), bf16);
  });
}

void MmaHeads::write(const Tile &from, const HeadRows &to, Value first) {
  auto type = VectorType::get({kChunk}, b.getBF16Type());
  forChunks(kRows, spec.headDim / kChunk, [&](Value row, Value chunk) {
    Value position = b.add(first, row);
    b.ifThen(b.less(position, b.constant(spec.seqLen)), [&] {
      Value place = mma.address(from, row, b.mul(chunk, kChunk));
      Value numbers = LLVM::LoadOp::create(b, type, place, 16);
      LLVM::StoreOp::create(b, numbers, addressOf(b, to, position, chunk), 16);
    });
  });
}

//===----------------------------------------------------------------------===//
// Sums in registers
//===----------------------------------------------------------------------===//

void MmaHeads::rotateBack(Values &sums, Value position, double factor,
                          Value cos, Value sin) {
  int64_t half = spec.headDim / 2;
  for (Value &sum : sums)
    sum = b.mulF(sum, b.constantF32(factor));
  for (int64_t below = 0; below < 2; ++below) {
    Value row = within(b.add(position, 8 * below));
    Value own = b.add(b.mul(row, half), mma.pair);
    for (int64_t eight = 0; eight < half / 8; ++eight) {
      Value angle = b.add(own, 8 * eight);
      Value c = b.loadNumbers(b.offset(cos, angle), 2, b.getF32Type());
      Value s = b.loadNumbers(b.offset(sin, angle), 2, b.getF32Type());
      for (int64_t i = 0; i < 2; ++i) {
        Value &low = sums[4 * eight + 2 * below + i];
        Value &high = sums[4 * (eight + half / 8) + 2 * below + i];
        Value index = b.constant(i);
        Value ci = LLVM::ExtractElementOp::create(b, c, index);
        Value si = LLVM::ExtractElementOp::create(b, s, index);
        Value before = low;
        low = b.fmaF(before, ci, b.mulF(high, si));
        high = b.subF(b.mulF(high, ci), b.mulF(before, si));
      }
    }
  }
}

void MmaHeads::mask(Values &scores, Value some,
                    function_ref<Value(int64_t, int64_t)> isLater) {
  SmallVector<Type> types(scores.size(), b.getF32Type());
  Value never = b.constantF32(-std::numeric_limits<double>::infinity());
  scores = b.choose(
      some, types,
      [&] {
        Values masked;
        for (auto [i, score] : llvm::enumerate(scores)) {
          int64_t row = i / 2 % 2 * 8, column = i / 4 * 8 + i % 2;
          masked.push_back(b.select(isLater(row, column), never, score));
        }
        return masked;
      },
      [&] { return scores; });
}
