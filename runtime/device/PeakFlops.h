//===- PeakFlops.h - What the machine could do at most ----------*- C++ -*-===//

#ifndef MIXLN_RT_DEVICE_PEAKFLOPS_H
#define MIXLN_RT_DEVICE_PEAKFLOPS_H

namespace mixln::rt {

class ThreadPool;

/// Single-precision operations a second of all workers at once, measured for
/// some milliseconds with fused multiply-adds in registers; 0 on a CPU without
/// them.
double measurePeakFlops(ThreadPool &pool);

} // namespace mixln::rt

#endif // MIXLN_RT_DEVICE_PEAKFLOPS_H
