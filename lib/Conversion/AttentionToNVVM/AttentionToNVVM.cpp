//===- AttentionToNVVM.cpp - Which path computes attention ----------------===//

#include "AttentionPaths.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::attention;

/// Heads of bf16 on tensor cores, as long as a rotation's halves are whole
/// chunks of 16 bytes; all else on fma units.
static constexpr int64_t kHeadDimMultiple = 16;
static constexpr MmaShape shapes[] = {
    // head dim, keys, dQ: keys, dK and dV: queries
    {64, 64, 64, 64},
    {96, 64, 32, 32},
    {112, 64, 32, 16}, // with 32 queries the assembler spills a few registers
    {128, 64, 32, 32},
};

const MmaShape *attention::mmaShapeOf(const AttentionSpec &spec) {
  if (spec.element != Element::BF16 || spec.headDim % kHeadDimMultiple != 0)
    return nullptr;
  for (const MmaShape &shape : shapes)
    if (spec.headDim <= shape.mostHeadDim)
      return &shape;
  return nullptr;
}

HeadRows attention::headRows(GpuBuilder &b, const AttentionSpec &spec,
                             Value tensor, Value sequence, Value head,
                             int64_t heads) {
  int64_t rowStride = heads * spec.headDim;
  Value offset = b.add(b.mul(sequence, spec.seqLen * rowStride),
                       b.mul(head, spec.headDim));
  return {b.offset(tensor, offset, spec.element), rowStride};
}

std::pair<Value, Value> attention::split(GpuBuilder &b, Value block,
                                         int64_t count) {
  return {b.divide(block, count), b.remainder(block, count)};
}

//===----------------------------------------------------------------------===//
// Forward
//===----------------------------------------------------------------------===//

Launch mixln::gpuAttentionLaunch(const AttentionSpec &spec, const GpuInfo &gpu,
                                 int64_t sequences) {
  return mmaShapeOf(spec) ? mmaLaunch(spec, sequences)
                          : fmaLaunch(spec, sequences);
}

void mixln::emitGpuAttentionKernel(GpuBuilder &b, StringRef symbol,
                                   const AttentionSpec &spec,
                                   SmallVectorImpl<std::string> &phases) {
  GpuSignature signature;
  signature.readOnly.append(5, true);
  signature.readOnly.append(spec.measured ? 4 : 2, false);
  signature.sizes = 1;
  signature.threads =
      gpuAttentionLaunch(spec, b.getGpu(), 1).shapes.front().threads;
  phases.push_back(symbol.str());
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    Pointers pointers(parameters.pointers, spec);
    if (mmaShapeOf(spec))
      emitMmaForward(b, spec, pointers);
    else
      emitFmaForward(b, spec, pointers);
  });
}

//===----------------------------------------------------------------------===//
// Backward
//===----------------------------------------------------------------------===//

Launch mixln::gpuAttentionGradLaunch(const AttentionSpec &spec,
                                     const GpuInfo &gpu, int64_t sequences) {
  Launch launch = mmaShapeOf(spec) ? mmaGradLaunch(spec, sequences)
                                   : fmaGradLaunch(spec, sequences);
  launch.workspaceBytes = sequences * spec.seqLen * spec.heads * 4;
  return launch;
}

void mixln::emitGpuAttentionGradKernel(GpuBuilder &b, StringRef symbol,
                                       const AttentionSpec &spec,
                                       SmallVectorImpl<std::string> &phases) {
  bool onTensorCores = mmaShapeOf(spec);
  Launch launch = gpuAttentionGradLaunch(spec, b.getGpu(), 1);
  GpuSignature signature;
  signature.readOnly.append(8, true);
  signature.readOnly.append(4, false);
  signature.sizes = 1;
  auto emitPhase = [&](StringRef suffix, const BlockShape &shape, auto *emit) {
    signature.threads = shape.threads;
    phases.push_back((symbol + suffix).str());
    b.gpuFunction(phases.back(), signature,
                  [&](GpuBuilder::Parameters parameters) {
                    emit(b, spec, GradPointers(parameters.pointers));
                  });
  };
  emitPhase("_dq", launch.shapes[0],
            onTensorCores ? emitMmaQueryGradient : emitFmaQueryGradient);
  emitPhase("_dkv", launch.shapes[1],
            onTensorCores ? emitMmaKeyGradient : emitFmaKeyGradient);
}
