//===- AttentionTest.cpp - Attention against plain loops ------------------===//

#include "Targets.h"

#include "mixln/Conversion/AttentionToVector.h"

using namespace mixln;
using namespace mixln::test;

namespace {

constexpr double kTolerance = 5e-6;
constexpr double kNarrowTolerance = 0x1p-7;

struct Case {
  AttentionSpec spec;
  int64_t sequences;
};

const Case kCases[] = {
    {{16, 16, 2, 2}, 2},   {{13, 18, 3, 1}, 2},   {{1, 2, 1, 1}, 1},
    {{5, 32, 4, 2}, 3},    {{256, 64, 2, 2}, 1},  {{100, 64, 4, 2}, 1},
    {{300, 32, 2, 1}, 1},  {{131, 128, 1, 1}, 2}, {{97, 40, 2, 2}, 1},
    {{1024, 16, 1, 1}, 1}, {{67, 80, 2, 1}, 1},   {{19, 24, 4, 2, 0.1}, 2}};

using Doubles = std::vector<double>;

/// Plain attention and its gradient in double precision.
struct Reference {
  AttentionSpec spec;
  int64_t sequences;
  Doubles q, k, v, cos, sin, dctx;
  Doubles ctx = {}, lse = {}, dq = {}, dk = {}, dv = {};

  /// Rotates head vectors; with sign -1 the transpose.
  void rotate(Doubles &x, int64_t heads, double sign) const {
    int64_t half = spec.headDim / 2;
    for (int64_t row = 0; row < sequences * spec.seqLen; ++row)
      for (int64_t head = 0; head < heads; ++head)
        for (int64_t j = 0; j < half; ++j) {
          int64_t at = (row * heads + head) * spec.headDim + j;
          int64_t table = row % spec.seqLen * half + j;
          double c = cos[table], s = sign * sin[table];
          double low = x[at], high = x[at + half];
          x[at] = low * c - high * s;
          x[at + half] = high * c + low * s;
        }
  }

  void run() {
    int64_t dim = spec.headDim, group = spec.heads / spec.kvHeads;
    double scale = spec.scale > 0 ? spec.scale : 1 / std::sqrt(double(dim));
    rotate(q, spec.heads, 1);
    rotate(k, spec.kvHeads, 1);
    ctx.assign(q.size(), 0);
    dq.assign(q.size(), 0);
    dk.assign(k.size(), 0);
    dv.assign(k.size(), 0);
    lse.assign(sequences * spec.seqLen * spec.heads, 0);
    for (int64_t row = 0; row < sequences * spec.seqLen; ++row)
      for (int64_t head = 0; head < spec.heads; ++head) {
        int64_t first = row - row % spec.seqLen;
        int64_t count = row - first + 1;
        int64_t at = (row * spec.heads + head) * dim;
        auto key = [&](int64_t i) {
          return ((first + i) * spec.kvHeads + head / group) * dim;
        };
        Doubles p(count), dp(count);
        double max = -1e300, sum = 0, mean = 0;
        for (int64_t i = 0; i < count; ++i) {
          for (int64_t j = 0; j < dim; ++j)
            p[i] += q[at + j] * k[key(i) + j] * scale;
          max = std::max(max, p[i]);
        }
        for (double &x : p)
          sum += x = std::exp(x - max);
        lse[row * spec.heads + head] = max + std::log(sum);
        for (int64_t i = 0; i < count; ++i) {
          p[i] /= sum;
          for (int64_t j = 0; j < dim; ++j) {
            ctx[at + j] += p[i] * v[key(i) + j];
            dp[i] += dctx[at + j] * v[key(i) + j];
            dv[key(i) + j] += p[i] * dctx[at + j];
          }
          mean += p[i] * dp[i];
        }
        for (int64_t i = 0; i < count; ++i) {
          double ds = p[i] * (dp[i] - mean) * scale;
          for (int64_t j = 0; j < dim; ++j) {
            dq[at + j] += ds * k[key(i) + j];
            dk[key(i) + j] += ds * q[at + j];
          }
        }
      }
    rotate(dq, spec.heads, -1);
    rotate(dk, spec.kvHeads, -1);
  }
};

Doubles toDoubles(const Buffer &buffer) {
  return Doubles(buffer.get(), buffer.get() + buffer.size());
}

class AttentionTest : public ForEachTarget {};

TEST_P(AttentionTest, ForwardAndBackward) {
  Kernels &kernels = load([](KernelBuilder &b) {
    for (const Case &test : kCases) {
      emitAttentionKernel(b, test.spec.name(), test.spec);
      emitAttentionGradKernel(b, test.spec.name() + ".grad", test.spec);
    }
  });
  const TargetInfo &target = kernels.getTarget();
  std::mt19937 random(11);
  for (const auto &[spec, sequences] : kCases) {
    int64_t rows = sequences * spec.seqLen, dim = spec.headDim;
    Buffer q(rows * spec.heads * dim), k(rows * spec.kvHeads * dim);
    Buffer v(k.size()), dctx(q.size()), ctx(q.size()), lse(rows * spec.heads);
    Buffer dq(q.size()), dk(k.size()), dv(k.size());
    Buffer cos(spec.seqLen * dim / 2), sin(cos.size());
    // Scores of several units, so that the softmax is far from uniform.
    for (Buffer *buffer : {&q, &k, &v, &dctx})
      buffer->fill(random);
    for (int64_t i = 0; i < q.size(); ++i)
      q[i] *= 4;
    for (int64_t i = 0; i < cos.size(); ++i) {
      double angle =
          i / (dim / 2) * std::pow(1e4, -2.0 * (i % (dim / 2)) / dim);
      cos[i] = std::cos(angle);
      sin[i] = std::sin(angle);
    }
    for (Buffer *buffer : {&ctx, &lse, &dq, &dk, &dv})
      buffer->fill(std::nanf(""));

    int64_t tasks = attentionTasks(spec, sequences);
    kernels.run(
        spec.name(),
        {q.get(), k.get(), v.get(), cos.get(), sin.get(), ctx.get(), lse.get()},
        {}, tasks, attentionScratchBytes(target, spec));
    kernels.run(spec.name() + ".grad",
                {q.get(), k.get(), v.get(), cos.get(), sin.get(), ctx.get(),
                 lse.get(), dctx.get(), dq.get(), dk.get(), dv.get()},
                {}, tasks, attentionGradScratchBytes(target, spec));

    Reference reference{spec,           sequences,      toDoubles(q),
                        toDoubles(k),   toDoubles(v),   toDoubles(cos),
                        toDoubles(sin), toDoubles(dctx)};
    reference.run();
    EXPECT_LE(relativeError(ctx, reference.ctx), kTolerance) << spec.name();
    EXPECT_LE(relativeError(lse, reference.lse), kTolerance) << spec.name();
    EXPECT_LE(relativeError(dv, reference.dv), kTolerance) << spec.name();
    // One key alone has no gradient through its score.
    if (spec.seqLen == 1)
      continue;
    EXPECT_LE(relativeError(dq, reference.dq), kTolerance) << spec.name();
    EXPECT_LE(relativeError(dk, reference.dk), kTolerance) << spec.name();
  }
}

/// The same numbers in memory of bf16 and f32: results differ by their
/// rounding, at most half a unit in the 8th bit.
TEST_P(AttentionTest, BF16InMemory) {
  Kernels &kernels = load([](KernelBuilder &b) {
    for (Case test : kCases)
      for (Element element : {Element::F32, Element::BF16}) {
        test.spec.element = element;
        emitAttentionKernel(b, test.spec.name(), test.spec);
        emitAttentionGradKernel(b, test.spec.name() + ".grad", test.spec);
      }
  });
  const TargetInfo &target = kernels.getTarget();
  std::mt19937 random(12);
  for (const auto &[wide, sequences] : kCases) {
    AttentionSpec narrow = wide;
    narrow.element = Element::BF16;
    int64_t rows = sequences * wide.seqLen, dim = wide.headDim;
    int64_t full = rows * wide.heads * dim, part = rows * wide.kvHeads * dim;
    Buffer tables(wide.seqLen * dim / 2);
    tables.fill(random);
    std::vector<NarrowBuffer> in;
    std::vector<Buffer> inWide;
    for (int64_t size : {full, part, part, full}) {
      in.emplace_back(Buffer(size).fill(random));
      inWide.push_back(in.back().widened());
    }
    int64_t tasks = attentionTasks(wide, sequences);

    Buffer ctxWide(full), lse(rows * wide.heads), lseWide(lse.size());
    NarrowBuffer ctx(full);
    kernels.run(wide.name(),
                {inWide[0].get(), inWide[1].get(), inWide[2].get(),
                 tables.get(), tables.get(), ctxWide.get(), lseWide.get()},
                {}, tasks, attentionScratchBytes(target, wide));
    kernels.run(narrow.name(),
                {in[0].get(), in[1].get(), in[2].get(), tables.get(),
                 tables.get(), ctx.fillNaN().get(), lse.get()},
                {}, tasks, attentionScratchBytes(target, narrow));
    auto expectNear = [&](const NarrowBuffer &found, const Buffer &expected) {
      EXPECT_LE(relativeError(found.widened(), toDoubles(expected)),
                kNarrowTolerance)
          << narrow.name();
    };
    expectNear(ctx, ctxWide);
    EXPECT_LE(relativeError(lse, toDoubles(lseWide)), kNarrowTolerance);

    // The backward reads the rounded context in either type.
    Buffer ctxRounded = ctx.widened();
    NarrowBuffer dq(full), dk(part), dv(part);
    Buffer dqWide(full), dkWide(part), dvWide(part);
    kernels.run(wide.name() + ".grad",
                {inWide[0].get(), inWide[1].get(), inWide[2].get(),
                 tables.get(), tables.get(), ctxRounded.get(), lse.get(),
                 inWide[3].get(), dqWide.get(), dkWide.get(), dvWide.get()},
                {}, tasks, attentionGradScratchBytes(target, wide));
    kernels.run(narrow.name() + ".grad",
                {in[0].get(), in[1].get(), in[2].get(), tables.get(),
                 tables.get(), ctx.get(), lse.get(), in[3].get(),
                 dq.fillNaN().get(), dk.fillNaN().get(), dv.fillNaN().get()},
                {}, tasks, attentionGradScratchBytes(target, narrow));
    expectNear(dv, dvWide);
    if (wide.seqLen == 1)
      continue;
    expectNear(dq, dqWide);
    expectNear(dk, dkWide);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, AttentionTest, targetNames(), targetTestName);

} // namespace
