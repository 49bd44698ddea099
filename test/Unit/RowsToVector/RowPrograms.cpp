//===- RowPrograms.cpp - Row programs of training steps -------------------===//

#include "RowPrograms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

using Args = ArrayRef<Value>;

/// Far from zero, so that the programs are well conditioned at any width.
static constexpr double kEps = 0.1;

static RowInput row(std::vector<int64_t> shape, Fill fill = Fill::Signed) {
  return {RowInput::Row, std::move(shape), "", fill};
}
static RowInput mapped(std::vector<int64_t> shape, std::string map) {
  return {RowInput::Row, std::move(shape), std::move(map)};
}
static RowInput shared(int64_t width, Fill fill = Fill::Signed) {
  return {RowInput::Shared, {width}, "", fill};
}
static RowInput into(std::vector<int64_t> shape, int64_t sum) {
  return {RowInput::Into, std::move(shape), "", Fill::Signed, "f32", sum};
}
static RowInput columns(int64_t rows) {
  return {RowInput::Row, {rows}, "", Fill::Column, "i32"};
}

static Value normalize(RowBuilder &b, Value x) {
  Value r = b.rsqrt(b.add(b.mean(b.mul(x, x)), b.constant(kEps)));
  return b.mul(x, r);
}

//===----------------------------------------------------------------------===//
// Forward
//===----------------------------------------------------------------------===//

/// Does as little as a program can.
static RowProgramSpec scaling(int64_t rows, int64_t n) {
  return {{rows}, {row({rows, n})}, {0.57}, {}, [](RowBuilder &b, Args a) {
            return RowYields{{b.mul(a[0], a[1])}, {}};
          }};
}

static RowProgramSpec residual(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), row({rows, n})},
          {0.57},
          {},
          [](RowBuilder &b, Args a) {
            return RowYields{{b.add(a[0], b.mul(a[1], a[2]))}, {}};
          }};
}

static RowProgramSpec residualNorm(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), row({rows, n}), shared(n), shared(n)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value post = b.mul(normalize(b, b.add(a[0], a[1])), a[2]);
            Value in = b.mul(normalize(b, post), a[3]);
            return RowYields{{post, in}, {}};
          }};
}

static RowProgramSpec rmsNorm(int64_t rows, int64_t n) {
  return {
      {rows}, {row({rows, n}), shared(n)}, {}, {}, [](RowBuilder &b, Args a) {
        return RowYields{{b.mul(normalize(b, a[0]), a[1])}, {}};
      }};
}

/// The combine of one sub-layer and the read of the next.
static RowProgramSpec residualRms(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), row({rows, n}), shared(n)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value stream = b.add(a[0], a[1]);
            return RowYields{{stream, b.mul(normalize(b, stream), a[2])}, {}};
          }};
}

static RowProgramSpec layerNorm(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), shared(n), shared(n)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value c = b.sub(a[0], b.mean(a[0]));
            Value y = b.add(b.mul(normalize(b, c), a[1]), a[2]);
            return RowYields{{y}, {}};
          }};
}

static RowProgramSpec swiglu(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}, Fill::Large), row({rows, n})},
          {},
          {},
          [](RowBuilder &b, Args a) {
            return RowYields{{b.mul(b.mul(a[0], b.sigmoid(a[0])), a[1])}, {}};
          }};
}

static RowProgramSpec dyt(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), shared(1), shared(n), shared(n)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value t = b.tanh(b.mul(a[0], a[1]));
            return RowYields{{b.add(b.mul(t, a[2]), a[3])}, {}};
          }};
}

static RowProgramSpec derf(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), shared(1), shared(1), shared(n)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value t = b.erf(b.add(b.mul(a[0], a[1]), a[2]));
            return RowYields{{b.mul(t, a[3])}, {}};
          }};
}

static RowProgramSpec seedNorm(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), shared(n), shared(n), shared(n)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value t = b.tanh(b.sum(b.mul(a[0], a[1])));
            Value gain = b.add(b.mul(t, a[2]), a[3]);
            return RowYields{{b.mul(gain, normalize(b, a[0]))}, {}};
          }};
}

/// Logarithms, powers, extrema: what a user's own kind may hold.
static RowProgramSpec ownKind(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}, Fill::Positive), shared(n, Fill::Positive)},
          {1.5},
          {},
          [](RowBuilder &b, Args a) {
            Value l = b.log(a[0]);
            Value p = b.pow(a[0], a[2]);
            Value low = b.neg(b.maxOf(b.neg(l)));
            Value y = b.div(b.sub(l, low), b.add(p, a[1]));
            Value z = b.max(b.min(y, b.abs(l)), b.constant(0.25));
            return RowYields{{b.sqrt(z), b.mul(b.exp(l), b.maxOf(p))}, {}};
          }};
}

//===----------------------------------------------------------------------===//
// Backward
//===----------------------------------------------------------------------===//

static RowProgramSpec rmsBackward(int64_t rows, int64_t n) {
  return {
      {rows},
      {row({rows, n}), row({rows, n}), row({rows, n}), shared(n), into({n}, 0)},
      {},
      {},
      [n](RowBuilder &b, Args a) {
        // x, dy, the stream's own cotangent, gain; as differentiate writes it:
        // no sum needs another one.
        Value r = b.rsqrt(b.add(b.mean(b.mul(a[0], a[0])), b.constant(kEps)));
        Value gain = b.mul(a[1], b.mul(a[0], r));
        Value dh = b.mul(a[1], a[3]);
        Value cubed = b.mul(r, b.mul(r, r));
        Value factor =
            b.mul(b.mul(b.sum(b.mul(dh, a[0])), cubed), b.constant(-1.0 / n));
        Value dx = b.add(b.mul(dh, r), b.mul(a[0], factor));
        return RowYields{{b.add(dx, a[2])}, {gain}};
      }};
}

static RowProgramSpec swigluBackward(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), row({rows, n}), row({rows, n})},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value s = b.sigmoid(a[0]);
            Value silu = b.mul(a[0], s);
            Value one = b.constant(1);
            Value slope = b.mul(s, b.add(one, b.mul(a[0], b.sub(one, s))));
            return RowYields{
                {b.mul(b.mul(a[2], a[1]), slope), b.mul(a[2], silu)}, {}};
          }};
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

struct Loss {
  Value loss, gradient;
};

static Loss crossEntropy(RowBuilder &b, Value logits, Value target) {
  auto type = cast<VectorType>(logits.getType());
  Value onehot = b.isColumn(target, type.getDimSize(0));
  Value m = b.stopGradient(b.maxOf(logits));
  Value e = b.exp(b.sub(logits, m));
  Value total = b.sum(e);
  Value zero = b.constant(0, type);
  Value at = b.sum(b.select(onehot, logits, zero));
  Value loss = b.sub(b.add(b.log(total), m), at);
  Value minusOne = arith::ConstantOp::create(b.builder, b.loc,
                                             b.builder.getI32IntegerAttr(-1));
  Value valid = arith::CmpIOp::create(
      b.builder, b.loc, arith::CmpIPredicate::sgt, target, minusOne);
  Value none = b.constant(0);
  Value gradient =
      b.sub(b.div(e, total), b.select(onehot, b.constant(1, type), zero));
  return {b.select(valid, loss, none),
          b.mul(gradient, b.select(valid, b.constant(1), none))};
}

static RowProgramSpec loss(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}, Fill::Large), columns(rows)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            return RowYields{{}, {crossEntropy(b, a[0], a[1]).loss}};
          }};
}

static RowProgramSpec lossGradient(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}, Fill::Large), columns(rows), shared(1)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Loss loss = crossEntropy(b, a[0], a[1]);
            return RowYields{{b.mul(loss.gradient, a[2])}, {loss.loss}};
          }};
}

//===----------------------------------------------------------------------===//
// Update, measurements
//===----------------------------------------------------------------------===//

static RowProgramSpec adam(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), row({rows, n}), row({rows, n}, Fill::Positive),
           row({rows, n}), shared(1, Fill::Positive),
           shared(1, Fill::Positive)},
          {0.9, 0.999, 1e-8},
          {},
          [](RowBuilder &b, Args a) {
            // parameter, m, v, gradient; rate, clip; beta1, beta2, eps
            Value g = b.mul(a[3], a[5]);
            Value one = b.constant(1);
            Value m = b.add(b.mul(a[1], a[6]), b.mul(g, b.sub(one, a[6])));
            Value v =
                b.add(b.mul(a[2], a[7]), b.mul(b.mul(g, g), b.sub(one, a[7])));
            Value step = b.div(m, b.add(b.sqrt(v), a[8]));
            return RowYields{{b.sub(a[0], b.mul(step, a[4])), m, v}, {}};
          }};
}

static RowProgramSpec squaredNorm(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), into({1}, 0)},
          {},
          {},
          [](RowBuilder &b, Args a) {
            return RowYields{{}, {b.sum(b.mul(a[0], a[0]))}};
          }};
}

//===----------------------------------------------------------------------===//
// Maps, heads, types
//===----------------------------------------------------------------------===//

static constexpr int64_t kHeads = 3;

static RowProgramSpec headNorm(int64_t rows, int64_t n) {
  return {
      {rows, kHeads},
      {row({rows, kHeads, n}), shared(n), mapped({kHeads}, "(r, h) -> (h)")},
      {},
      {},
      [](RowBuilder &b, Args a) {
        Value y = b.mul(b.mul(normalize(b, a[0]), a[1]), a[2]);
        return RowYields{{y}, {}};
      }};
}

static RowProgramSpec headSums(int64_t rows, int64_t n) {
  return {{rows, kHeads},
          {row({rows, kHeads, n}),
           mapped({rows, kHeads + 2, n}, "(r, h) -> (r, h + 2)"),
           into({kHeads, n}, 1)},
          {},
          {"(r, h) -> (h)", "(r, h) -> (h)", "", ""},
          [](RowBuilder &b, Args a) {
            Value p = b.mul(a[0], a[1]);
            Value s = b.sum(p);
            return RowYields{{}, {s, p, a[1], b.mul(s, s)}};
          }};
}

static RowProgramSpec tables(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), mapped({7, n}, "(r) -> (r mod 7)"),
           mapped({n}, "(r) -> ()"), row({rows})},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value y = b.add(b.mul(a[0], a[1]), b.mul(a[2], a[3]));
            return RowYields{{y, b.sum(y), a[3]}, {}};
          }};
}

static RowProgramSpec numbersOnly(int64_t rows, int64_t) {
  return {{rows},
          {row({rows}), row({rows}, Fill::Positive), columns(rows)},
          {2.0},
          {},
          [](RowBuilder &b, Args a) {
            Value y = b.div(b.exp(a[0]), b.sqrt(a[1]));
            Value index = arith::SIToFPOp::create(b.builder, b.loc,
                                                  b.builder.getF32Type(), a[2]);
            return RowYields{{b.add(y, b.tanh(index))}, {b.mul(y, a[3])}};
          }};
}

/// Rows of two widths in one program, joined by a number.
static RowProgramSpec twoWidths(int64_t rows, int64_t n) {
  return {{rows},
          {row({rows, n}), row({rows, 2 * n + 3})},
          {},
          {},
          [](RowBuilder &b, Args a) {
            Value wide = b.mul(a[1], b.rsqrt(b.add(b.mean(b.mul(a[0], a[0])),
                                                   b.constant(kEps))));
            return RowYields{{wide, b.mul(a[0], b.maxOf(wide))}, {}};
          }};
}

/// A result that depends on nothing, one that is an operand, and a sum that
/// is one.
static RowProgramSpec copies(int64_t rows, int64_t n) {
  return {
      {rows}, {row({rows, n}), shared(n)}, {}, {}, [](RowBuilder &b, Args a) {
        Value three = b.constant(3, a[0].getType());
        return RowYields{{a[0], three, a[1]}, {a[0]}};
      }};
}

/// Operations that no formula makes but imported bodies may hold.
static RowProgramSpec rareOperations(int64_t rows, int64_t n) {
  RowProgramSpec spec = {
      {rows},
      {row({rows, n}), row({rows, n}, Fill::Positive)},
      {},
      {},
      [](RowBuilder &b, Args a) {
        OpBuilder &builder = b.builder;
        Location loc = b.loc;
        auto rowType = cast<VectorType>(a[0].getType());
        Value narrow = arith::TruncFOp::create(
            builder, loc, rowType.clone(builder.getBF16Type()), a[1]);
        Value wide = arith::ExtFOp::create(builder, loc, rowType, narrow);
        Value low = vector::ReductionOp::create(
            builder, loc, vector::CombiningKind::MINIMUMF, wide);
        Value start = b.constant(0.5);
        Value high = vector::ReductionOp::create(
            builder, loc, vector::CombiningKind::MAXIMUMF, a[0], start);
        Value sum = vector::ReductionOp::create(
            builder, loc, vector::CombiningKind::ADD, a[1], low);
        Value x = math::FmaOp::create(
            builder, loc, a[0], wide,
            math::CopySignOp::create(builder, loc, a[1], a[0]));
        Value both =
            arith::AndIOp::create(builder, loc, b.greater(a[0], b.constant(0)),
                                  b.greater(a[1], b.constant(1)));
        Value any = arith::OrIOp::create(builder, loc, both,
                                         b.greater(a[1], b.constant(1.5)));
        Value count = arith::UIToFPOp::create(builder, loc, rowType, any);
        Value y =
            b.add(math::Exp2Op::create(builder, loc, x), b.mul(count, high));
        return RowYields{{b.mul(y, sum)}, {low, b.sum(count)}};
      }};
  // Rounding what is rounded changes nothing.
  spec.inputs[1].type = "bf16";
  return spec;
}

static RowProgramSpec narrowTypes(int64_t rows, int64_t n) {
  RowProgramSpec spec = {
      {rows}, {row({rows, n}), shared(n)}, {}, {}, [](RowBuilder &b, Args a) {
        return RowYields{{b.mul(normalize(b, a[0]), a[1])}, {}};
      }};
  spec.inputs[0].type = spec.inputs[1].type = "bf16";
  spec.resultType = "bf16";
  return spec;
}

/// Gradients that are bf16 in memory: sums of f32 that are rounded once.
static RowProgramSpec narrowSums(int64_t rows, int64_t n) {
  RowProgramSpec spec = {
      {rows},
      {row({rows, n}), shared(1), into({n}, 0)},
      {},
      {},
      [](RowBuilder &b, Args a) {
        return RowYields{{}, {b.mul(a[0], a[1]), b.sum(b.mul(a[0], a[0]))}};
      }};
  for (RowInput &input : spec.inputs)
    input.type = "bf16";
  spec.sumType = "bf16";
  return spec;
}

ArrayRef<NamedProgram> mixln::test::rowPrograms() {
  static const NamedProgram all[] = {
      {"scaling", scaling},
      {"residual", residual},
      {"rms_norm", rmsNorm},
      {"residual_rms", residualRms},
      {"residual_norm_norm", residualNorm},
      {"layer_norm", layerNorm},
      {"swiglu", swiglu},
      {"dyt", dyt},
      {"derf", derf},
      {"seed_norm", seedNorm},
      {"own_kind", ownKind},
      {"rms_backward", rmsBackward},
      {"swiglu_backward", swigluBackward},
      {"loss", loss},
      {"loss_gradient", lossGradient},
      {"adam", adam},
      {"squared_norm", squaredNorm},
      {"head_norm", headNorm},
      {"head_sums", headSums},
      {"tables", tables},
      {"numbers_only", numbersOnly},
      {"two_widths", twoWidths},
      {"copies", copies},
      {"rare_operations", rareOperations},
      {"narrow_types", narrowTypes},
      {"narrow_sums", narrowSums},
  };
  return all;
}

RowProgramSpec mixln::test::makeProgram(StringRef name, int64_t rows,
                                        int64_t width) {
  for (const NamedProgram &program : rowPrograms())
    if (name == program.name)
      return program.make(rows, width);
  llvm_unreachable("no such program");
}
