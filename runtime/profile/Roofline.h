//===- Roofline.h - What a step cannot be faster than -----------*- C++ -*-===//
//
// From the plan alone: each dispatch's FLOPs and bytes against what a GPU can
// do at most, one dispatch after the other. Nothing runs.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_PROFILE_ROOFLINE_H
#define MIXLN_RT_PROFILE_ROOFLINE_H

#include "mixln-rt/program.h"

#include <string>
#include <vector>

namespace mixln::rt {

/// A GPU's ceilings, a second.
struct GpuCeilings {
  const char *name;
  double bf16;      ///< FLOPs of the best bf16 matrix products
  double fp32;      ///< FLOPs of fp32 multiply-adds
  double memory;    ///< bytes that a copy reads and writes
  double peakBf16;  ///< the data sheet's, which MFU refers to
  const char *from; ///< where the numbers are from
};

const std::vector<GpuCeilings> &gpuCeilings();

struct RooflineRow {
  std::string name;
  int64_t calls = 0;
  double flops = 0, bytes = 0;
  double seconds = 0;       ///< at least
  double memorySeconds = 0; ///< of which memory bounds
};

struct Roofline {
  GpuCeilings gpu{};
  int64_t tokens = 0; ///< of one update of one micro-batch
  double seconds = 0;
  double mfu = 0;                      ///< if the floor were reached
  std::vector<RooflineRow> components; ///< in the order of a step
  std::vector<RooflineRow> kernels;    ///< the most expensive first
};

/// Of one update: entries gradient and update.
Roofline makeRoofline(const Program &program, const GpuCeilings &gpu);

std::string rooflineText(const Program &program, const Roofline &roofline);
std::string rooflineJson(const Program &program, const Roofline &roofline);

} // namespace mixln::rt

#endif // MIXLN_RT_PROFILE_ROOFLINE_H
