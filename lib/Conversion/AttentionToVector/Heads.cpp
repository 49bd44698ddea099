//===- Heads.cpp - Pieces that attention's two kernels share --------------===//

#include "Heads.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

static int64_t roundUp(int64_t x, int64_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

Layout::Layout(const TargetInfo &target, const AttentionSpec &spec)
    : paddedDim(roundUp(spec.headDim, target.lanes)),
      panels((spec.seqLen + panelColumns(target) - 1) / panelColumns(target)),
      packed(packedElements(target, spec.seqLen, spec.headDim)),
      scoreStride(roundUp(spec.seqLen + tileRows(target), target.lanes)) {}

std::string AttentionSpec::name() const {
  std::string text =
      llvm::formatv("attention.{0}.{1}x{2}{3}", seqLen, heads, headDim,
                    heads == kvHeads ? "" : "." + std::to_string(kvHeads));
  AttentionSpec usual = *this;
  usual.scale = 0;
  if (scoreScale() != usual.scoreScale())
    llvm::raw_string_ostream(text)
        << ".scale" << llvm::format("%.17g", scoreScale());
  if (element == Element::BF16)
    text += ".bf16";
  if (measured)
    text += ".measured";
  return text;
}

Element attention::innerElement(const TargetInfo &target,
                                const AttentionSpec &spec) {
  return target.hasBF16 ? spec.element : Element::F32;
}

int64_t mixln::attentionTasks(const AttentionSpec &spec, int64_t sequences) {
  return sequences * spec.kvHeads;
}

/// Splits x into its floor n and the rest f: 2^x = p(f) * 2^n.
Value attention::exp2(KernelBuilder &b, Value x) {
  // Minimax on [0, 1), degree 5.
  const double coefficients[] = {0.9999999249, 0.6931530768, 0.2401536025,
                                 0.0558263347, 0.0089893421, 0.0018775687};
  bool wide = b.lanes() == 16;
  Value floor, rest;
  if (wide) {
    rest = b.fraction(x);
  } else {
    // A NaN stays one.
    Value least = b.broadcast(b.constantF32(-126));
    x = b.select(arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, least),
                 least, x);
    floor = math::FloorOp::create(b, x);
    rest = b.subF(x, floor);
  }
  Value power = b.broadcast(b.constantF32(coefficients[5]));
  for (int i = 4; i >= 0; --i)
    power = b.fma(power, rest, b.broadcast(b.constantF32(coefficients[i])));
  if (wide)
    return b.scale(power, x);
  auto integers = VectorType::get({b.lanes()}, b.getI32Type());
  Value exponent = arith::FPToSIOp::create(b, integers, floor);
  Value shift = arith::ConstantOp::create(
      b, DenseElementsAttr::get(integers, b.getI32IntegerAttr(23)));
  exponent = arith::ShLIOp::create(b, exponent, shift);
  Value bits = vector::BitCastOp::create(b, integers, power);
  return vector::BitCastOp::create(b, b.vectorType(),
                                   arith::AddIOp::create(b, bits, exponent));
}

void attention::forVectors(KernelBuilder &b, int64_t extent,
                           function_ref<void(int64_t, Value)> body) {
  for (int64_t at = 0; at < extent; at += b.lanes()) {
    Value mask;
    if (at + b.lanes() > extent)
      mask = b.maskFor(b.constant(extent - at));
    body(at, mask);
  }
}

/// Name of a piece that reads or writes the launch's operands.
static std::string pieceName(StringRef what, const AttentionSpec &spec) {
  return llvm::formatv("mixln.{0}.{1}{2}", what, spec.headDim,
                       spec.element == Element::BF16 ? ".bf16" : "");
}

LLVM::LLVMFuncOp attention::rotateRows(KernelBuilder &b,
                                       const AttentionSpec &spec, Element to) {
  int64_t half = spec.headDim / 2;
  int64_t paddedDim = Layout(b.getTarget(), spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      pieceName(to == Element::BF16 ? "rotate_to_bf16" : "rotate", spec),
      {ptr, i64, ptr, ptr, ptr, i64}, [&](ValueRange args) {
        b.loop(b.constant(0), args[5], 1, [&](Value row) {
          Value from = b.offset(args[0], b.mul(row, args[1]), spec.element);
          Value cosRow = b.offset(args[2], b.mul(row, half));
          Value sinRow = b.offset(args[3], b.mul(row, half));
          Value toRow = b.offset(args[4], b.mul(row, paddedDim), to);
          forVectors(b, half, [&](int64_t at, Value mask) {
            auto input = [&](int64_t at) {
              return b.loadVector(b.offset(from, at, spec.element), mask,
                                  spec.element);
            };
            Value low = input(at), high = input(at + half);
            Value cos = b.loadVector(b.offset(cosRow, at), mask);
            Value sin = b.loadVector(b.offset(sinRow, at), mask);
            b.storeVector(b.subF(b.mulF(low, cos), b.mulF(high, sin)),
                          b.offset(toRow, at, to), mask, to);
            b.storeVector(b.fma(low, sin, b.mulF(high, cos)),
                          b.offset(toRow, at + half, to), mask, to);
          });
        });
      });
}

LLVM::LLVMFuncOp attention::unrotateRows(KernelBuilder &b,
                                         const AttentionSpec &spec) {
  int64_t half = spec.headDim / 2;
  int64_t paddedDim = Layout(b.getTarget(), spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type(), f32 = b.getF32Type();
  return b.privateFunction(
      pieceName("unrotate", spec), {ptr, ptr, ptr, f32, ptr, i64, i64},
      [&](ValueRange args) {
        Value scale = b.broadcast(args[3]);
        b.loop(b.constant(0), args[6], 1, [&](Value row) {
          Value from = b.offset(args[0], b.mul(row, paddedDim));
          Value cosRow = b.offset(args[1], b.mul(row, half));
          Value sinRow = b.offset(args[2], b.mul(row, half));
          Value to = b.offset(args[4], b.mul(row, args[5]), spec.element);
          forVectors(b, half, [&](int64_t at, Value mask) {
            Value low = b.loadVector(b.offset(from, at), mask);
            Value high = b.loadVector(b.offset(from, at + half), mask);
            Value cos = b.mulF(b.loadVector(b.offset(cosRow, at), mask), scale);
            Value sin = b.mulF(b.loadVector(b.offset(sinRow, at), mask), scale);
            b.storeVector(b.fma(high, sin, b.mulF(low, cos)),
                          b.offset(to, at, spec.element), mask, spec.element);
            b.storeVector(b.subF(b.mulF(high, cos), b.mulF(low, sin)),
                          b.offset(to, at + half, spec.element), mask,
                          spec.element);
          });
        });
      });
}

LLVM::LLVMFuncOp attention::gatherRows(KernelBuilder &b,
                                       const AttentionSpec &spec) {
  int64_t paddedDim = Layout(b.getTarget(), spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      pieceName("gather", spec), {ptr, i64, ptr, i64}, [&](ValueRange args) {
        b.loop(b.constant(0), args[3], 1, [&](Value row) {
          Value from = b.offset(args[0], b.mul(row, args[1]), spec.element);
          Value to = b.offset(args[2], b.mul(row, paddedDim));
          forVectors(b, spec.headDim, [&](int64_t at, Value mask) {
            b.storeVector(b.loadVector(b.offset(from, at, spec.element), mask,
                                       spec.element),
                          b.offset(to, at));
          });
        });
      });
}

LLVM::LLVMFuncOp attention::scatterRows(KernelBuilder &b,
                                        const AttentionSpec &spec) {
  int64_t paddedDim = Layout(b.getTarget(), spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  return b.privateFunction(
      pieceName("scatter", spec), {ptr, ptr, i64, i64}, [&](ValueRange args) {
        b.loop(b.constant(0), args[3], 1, [&](Value row) {
          Value from = b.offset(args[0], b.mul(row, paddedDim));
          Value to = b.offset(args[1], b.mul(row, args[2]), spec.element);
          forVectors(b, spec.headDim, [&](int64_t at, Value mask) {
            b.storeVector(b.loadVector(b.offset(from, at)),
                          b.offset(to, at, spec.element), mask, spec.element);
          });
        });
      });
}

LLVM::LLVMFuncOp attention::timesRows(KernelBuilder &b,
                                      const AttentionSpec &spec) {
  int64_t paddedDim = Layout(b.getTarget(), spec).paddedDim;
  Type ptr = b.ptrType(), i64 = b.getI64Type();
  Element inner = innerElement(b.getTarget(), spec);
  return b.privateFunction(
      llvm::formatv("mixln.times.{0}{1}", paddedDim,
                    inner == Element::BF16 ? ".bf16" : "")
          .str(),
      {ptr, i64, ptr, ptr, i64, i64}, [&](ValueRange args) {
        Value lda = args[1], depth = args[5];
        Value stride = b.constant(paddedDim), zero = b.constant(0);
        MicroKernelSpec micro;
        micro.rows = tileRows(b.getTarget());
        micro.product = inner;
        micro.rhsStride = paddedDim;
        micro.whole = true;
        int64_t width = panelColumns(b.getTarget());
        for (int64_t at = 0; at < paddedDim; at += width) {
          int64_t columns = std::min(width, paddedDim - at);
          micro.vectors = columns / b.lanes();
          forRowTiles(
              b, zero, args[4], micro, [&](LLVM::LLVMFuncOp callee, Value row) {
                Value lhs = b.offset(args[0], b.mul(row, lda), inner);
                Value out = b.offset(args[3],
                                     b.add(b.mul(row, stride), b.constant(at)));
                b.call(callee,
                       {lhs, lda, b.offset(args[2], at), stride, out, stride,
                        depth, b.constant(columns), zero, b.nullPtr()});
              });
        }
      });
}
