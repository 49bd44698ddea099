//===- ToyMainTable.cpp - The toy's kernels under the compiler's names ----===//

#include "ToyKernels.cpp" // NOLINT: the table below holds its functions

extern "C" {
extern const KernelFunction mixln_kernel_table[] = {
    lossRow, lossSum, clearGradients, addGradients,
    squares, norm,    adam,           logitsRow};
extern const int64_t mixln_kernel_count = 8;
}
