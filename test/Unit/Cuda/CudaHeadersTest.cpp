//===- CudaHeadersTest.cpp - The table of functions and CUDA's headers ----===//

#include "device/CudaApi.h"
#include "device/LibraryMatmul.h"

#include <gtest/gtest.h>

#if __has_include(<cublasLt.h>) && __has_include(<cuda.h>)
#include <cublasLt.h>
#include <cuda.h>
#include <type_traits>

// The headers' cuEventElapsedTime is a newer function that drivers before 12.8
// lack; the one of that name is still there, with the same parameters.
using ElapsedTime = decltype(cuEventElapsedTime);
#undef cuEventElapsedTime
extern "C" ElapsedTime cuEventElapsedTime;

using namespace mixln::rt;

namespace {

/// Handles and enumerators are our own: what counts is how they are passed.
template <typename A, typename B>
constexpr bool passedAlike =
    sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B> &&
    std::is_floating_point_v<A> == std::is_floating_point_v<B>;

template <typename Ours, typename Theirs> struct Alike : std::false_type {};
template <typename R, typename... A, typename S, typename... B>
struct Alike<R (*)(A...), S (*)(B...)> {
  static constexpr bool test() {
    if constexpr (sizeof...(A) != sizeof...(B))
      return false;
    else
      return passedAlike<R, S> && (passedAlike<A, B> && ...);
  }
  static constexpr bool value = test();
};

} // namespace

#define SAME(ours, name, arguments)                                            \
  static_assert(Alike<decltype(ours::name), decltype(&::name)>::value, #name);
#define SAME_DRIVER(name, arguments) SAME(cuda::Driver, name, arguments)
#define SAME_BLAS(name, arguments) SAME(cuda::CublasLt, name, arguments)
MIXLN_CUDA_DRIVER(SAME_DRIVER)
MIXLN_CUBLASLT(SAME_BLAS)

static_assert(sizeof(cuda::Heuristic) ==
              sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(cuda::Heuristic, workspaceSize) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(sizeof(cuda::Algorithm) == sizeof(cublasLtMatmulAlgo_t));

TEST(CudaHeaders, Enumerators) {
  EXPECT_EQ(cuda::kNoDevice, CUDA_ERROR_NO_DEVICE);
  EXPECT_EQ(cuda::kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuda::kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(cuda::kAttributeProcessors,
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  EXPECT_EQ(cuda::kAttributeMajor,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  EXPECT_EQ(cuda::kAttributeMinor,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  EXPECT_EQ(cuda::kFunctionMaxDynamicShared,
            CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  EXPECT_EQ(cuda::kJitErrorLog, CU_JIT_ERROR_LOG_BUFFER);
  EXPECT_EQ(cuda::kJitErrorLogBytes, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  EXPECT_EQ(cuda::kStreamNonBlocking, unsigned(CU_STREAM_NON_BLOCKING));
  EXPECT_EQ(cuda::kEventDisableTiming, unsigned(CU_EVENT_DISABLE_TIMING));
  EXPECT_EQ(cuda::kCaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  EXPECT_EQ(cuda::kDescTransA, CUBLASLT_MATMUL_DESC_TRANSA);
  EXPECT_EQ(cuda::kDescTransB, CUBLASLT_MATMUL_DESC_TRANSB);
  EXPECT_EQ(cuda::kDescEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
  EXPECT_EQ(cuda::kDescBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
  EXPECT_EQ(cuda::kDescBiasType, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
  EXPECT_EQ(cuda::kPreferenceWorkspace,
            CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
  EXPECT_EQ(cuda::kPreferenceAlignmentA,
            CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  EXPECT_EQ(cuda::kPreferenceAlignmentB,
            CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
  EXPECT_EQ(cuda::kPreferenceAlignmentC,
            CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
  EXPECT_EQ(cuda::kPreferenceAlignmentD,
            CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
  EXPECT_EQ(kCudaR32F, CUDA_R_32F);
  EXPECT_EQ(kCudaR16BF, CUDA_R_16BF);
  EXPECT_EQ(kCublasOpN, CUBLAS_OP_N);
  EXPECT_EQ(kCublasOpT, CUBLAS_OP_T);
  EXPECT_EQ(kCublasCompute32F, CUBLAS_COMPUTE_32F);
  EXPECT_EQ(kEpilogueDefault, CUBLASLT_EPILOGUE_DEFAULT);
  EXPECT_EQ(kEpilogueBias, CUBLASLT_EPILOGUE_BIAS);
}

#else
TEST(CudaHeaders, Enumerators) { GTEST_SKIP() << "no headers of CUDA"; }
#endif
