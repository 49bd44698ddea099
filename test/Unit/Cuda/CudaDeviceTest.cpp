//===- CudaDeviceTest.cpp - What the device asks of a driver --------------===//

#include "device/CudaApi.h"
#include "device/Device.h"
#include "device/Recorder.h"
#include "device/ThreadPool.h"
#include "support/Errors.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace mixln::rt;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const char ptx[] = "text of PTX";
const char cubin[] = "bytes of a cubin";
const GpuImage images[] = {{"sm_80", "ptx", ptx, sizeof ptx},
                           {"sm_90a", "ptx", ptx, sizeof ptx},
                           {"sm_90a", "cubin", cubin, sizeof cubin}};

class CudaDevice : public testing::Test {
protected:
  void SetUp() override {
    log = std::filesystem::temp_directory_path() /
          ("mixln-fake-cuda." + std::to_string(getpid()));
    setenv("MIXLN_LIBCUDA", MIXLN_FAKE_CUDA, 1);
    setenv("MIXLN_LIBCUBLASLT", MIXLN_FAKE_CUDA, 1);
    setenv("FAKE_CUDA_LOG", log.c_str(), 1);
    setenv("FAKE_CUDA_ARGUMENTS", "1", 1);
    program.target = "cuda";
    program.gpuArch = "sm_90a";
    program.arenaBytes = 4096;
    Kernel rows;
    rows.name = "rows.norm";
    rows.phases = {"norm.0", "norm.1"};
    rows.launches = {{128, 0}, {256, 100 << 10}};
    Kernel product;
    product.name = product.library = "matmul";
    product.matmul.transposeB = true;
    program.kernels = {rows, product};
    Dispatch norm;
    norm.tasks = {4, 2};
    norm.operands = {{0, 64, true, true}};
    norm.sizes = {7};
    norm.values = {0.5f};
    Dispatch matmul;
    matmul.kernel = 1;
    matmul.operands = {{0, 128, true, false},
                       {256, 256, true, false},
                       {512, 128, false, true}};
    matmul.sizes = {4, 8, 8, 8, 8, 8};
    program.entries = {{"gradient", {norm, matmul}}, {"update", {norm}}};
    std::filesystem::remove(log);
  }
  void TearDown() override { std::filesystem::remove(log); }

  std::unique_ptr<Device> make() {
    DeviceCode code;
    code.images = images;
    code.imageCount = 3;
    return makeDevice(program, code, {}, pool);
  }
  template <typename Error> std::string failure() {
    try {
      make();
    } catch (const Error &error) {
      return error.what();
    }
    return {};
  }
  /// The calls since the last time, those of that name alone if given.
  std::vector<std::string> calls(const std::string &prefix = {}) {
    std::ifstream file(log);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(prefix))
        lines.push_back(line);
    return lines;
  }
  void forget() { std::filesystem::remove(log); }

  std::filesystem::path log;
  Program program;
  ThreadPool pool{2};
};

} // namespace

TEST_F(CudaDevice, LoadsTheBestImageAndPreparesEverything) {
  auto device = make();
  EXPECT_THAT(calls("cuModuleLoadDataEx"),
              ElementsAre("cuModuleLoadDataEx bytes of a cubin"));
  EXPECT_THAT(calls("cuModuleGetFunction"),
              testing::IsSupersetOf({"cuModuleGetFunction norm.0",
                                     "cuModuleGetFunction norm.1"}));
  // More shared memory than a block has by itself.
  EXPECT_THAT(calls("cuFuncSetAttribute"),
              testing::Contains("cuFuncSetAttribute 102400"));
  // D' [8, 4] = W [8, 8]^T x' [8, 4], without TF32.
  EXPECT_THAT(calls("cublasLtMatmulDescCreate"),
              ElementsAre("cublasLtMatmulDescCreate 68 0"));
  EXPECT_THAT(calls("cublasLtMatmulDescSetAttribute"),
              ElementsAre("cublasLtMatmulDescSetAttribute 3 1",
                          "cublasLtMatmulDescSetAttribute 4 0",
                          "cublasLtMatmulDescSetAttribute 7 1"));
  EXPECT_THAT(calls("cublasLtMatrixLayoutCreate"),
              ElementsAre("cublasLtMatrixLayoutCreate 0 8 8 8",
                          "cublasLtMatrixLayoutCreate 0 8 4 8",
                          "cublasLtMatrixLayoutCreate 0 8 4 8"));
}

TEST_F(CudaDevice, RunsThenCapturesThenReplaysWithoutAllocating) {
  auto device = make();
  forget();
  EXPECT_TRUE(device->run(0));
  EXPECT_THAT(calls(), ElementsAre("cuLaunchKernel norm.0 4 128 0 7 0.5",
                                   "cuLaunchKernel norm.1 2 256 102400 7 0.5",
                                   "cublasLtMatmul 0.000000"));
  forget();
  EXPECT_TRUE(device->run(0));
  std::vector<std::string> second = calls();
  EXPECT_EQ(second.front(), "cuStreamBeginCapture");
  EXPECT_THAT(second, testing::Contains("cuStreamEndCapture 3"));
  EXPECT_EQ(second.back(), "cuGraphLaunch");
  forget();
  EXPECT_TRUE(device->run(0));
  EXPECT_TRUE(device->run(0));
  EXPECT_THAT(calls(), ElementsAre("cuGraphLaunch", "cuGraphLaunch"));
  forget();
  // A part of an entry is a graph of its own.
  EXPECT_TRUE(device->run(0, 0, 1));
  EXPECT_EQ(calls("cuLaunchKernel").size(), 2u);
  EXPECT_FALSE(device->run(0, 0, 1, [] { return true; }));
}

TEST_F(CudaDevice, MemoryComesBackAsItWasWritten) {
  // More than the staging memory holds, in uneven parts.
  program.arenaBytes = 40 << 20;
  auto device = make();
  std::vector<int32_t> numbers((33 << 20) / 4 + 1);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<int32_t>(i * 2654435761u);
  auto bytes = static_cast<int64_t>(numbers.size() * 4);
  int32_t one = 17;
  device->write(4, &one, 4);
  device->write(1024, numbers.data(), bytes);
  std::vector<int32_t> back(numbers.size());
  device->read(1024, back.data(), bytes);
  EXPECT_EQ(back, numbers);
  int32_t words[3];
  device->read(0, words, 12);
  EXPECT_THAT(words, ElementsAre(0, 17, 0));
  device->zero(1024, 8);
  device->read(1024, words, 12);
  EXPECT_THAT(words, ElementsAre(0, 0, numbers[2]));
}

TEST_F(CudaDevice, TheNextBatchTravelsOnItsOwnStream) {
  auto device = make();
  device->run(0);
  forget();
  int32_t batch[64] = {};
  device->write(0, batch, sizeof batch);
  // Nothing waits for the GPU.
  EXPECT_THAT(calls(),
              ElementsAre("cuMemcpyHtoDAsync 256", "cuEventRecord",
                          "cuStreamWaitEvent", "cuMemcpyDtoDAsync 256"));
}

TEST_F(CudaDevice, ARecorderGetsTheTimesOfSingleLaunches) {
  auto device = make();
  Recorder recorder(program, 1);
  device->setRecorder(&recorder);
  device->run(0);
  device->run(0);
  EXPECT_EQ(recorder.time(0, 1).calls, 2);
  EXPECT_EQ(recorder.time(0, 1).wall, 1'000'000);
  EXPECT_TRUE(calls("cuStreamBeginCapture").empty());
}

TEST_F(CudaDevice, NoDriver) {
  setenv("MIXLN_LIBCUDA", "/nowhere/libcuda.so.1", 1);
  std::string text = failure<InputError>();
  EXPECT_THAT(text, HasSubstr("--device cuda: no NVIDIA driver: "));
  EXPECT_THAT(text, HasSubstr("/nowhere/libcuda.so.1"));
  EXPECT_EQ(cuda::findGpuArch(), "");
}

TEST_F(CudaDevice, ADriverThatDoesNotFit) {
  setenv("MIXLN_LIBCUDA", "libm.so.6", 1);
  EXPECT_THAT(failure<InputError>(),
              HasSubstr("the NVIDIA driver does not fit: it has no function "
                        "cuInit (too old?)"));
}

TEST_F(CudaDevice, ADriverThatDoesNotStart) {
  setenv("FAKE_CUDA_FAIL", "cuInit:999", 1);
  EXPECT_THAT(failure<InputError>(),
              HasSubstr("does not start: as asked for (999)"));
}

TEST_F(CudaDevice, NoGpu) {
  setenv("FAKE_CUDA_GPUS", "0", 1);
  EXPECT_THAT(failure<InputError>(), HasSubstr("the driver shows no GPU"));
}

TEST_F(CudaDevice, NoCublasLt) {
  setenv("MIXLN_LIBCUBLASLT", "/nowhere/libcublasLt.so", 1);
  EXPECT_THAT(failure<InputError>(), HasSubstr("no cublasLt: "));
}

TEST_F(CudaDevice, ACublasLtThatIsTooOld) {
  setenv("FAKE_CUBLASLT_VERSION", "110800", 1);
  EXPECT_THAT(failure<InputError>(), HasSubstr("cublasLt is version 110800"));
}

TEST_F(CudaDevice, WithoutProductsOfTheLibraryTheDriverIsEnough) {
  setenv("MIXLN_LIBCUBLASLT", "/nowhere/libcublasLt.so", 1);
  program.entries = {program.entries[1]};
  EXPECT_NE(make(), nullptr);
}

TEST_F(CudaDevice, AnotherGpu) {
  setenv("FAKE_CUDA_CAPABILITY", "89", 1);
  EXPECT_EQ(cuda::findGpuArch(), "sm_89");
  auto device = make(); // PTX for sm_80 runs on all later ones
  EXPECT_THAT(calls("cuModuleLoadDataEx"),
              ElementsAre("cuModuleLoadDataEx text of PTX"));
}

TEST_F(CudaDevice, AnOlderGpu) {
  setenv("FAKE_CUDA_CAPABILITY", "75", 1);
  EXPECT_THAT(failure<InputError>(),
              HasSubstr("Fake GPU is sm_75, this executable has ptx for sm_80, "
                        "ptx for sm_90a, cubin for sm_90a; compile with "
                        "--gpu_arch for it"));
}

TEST_F(CudaDevice, TheDriversCompilerIsQuoted) {
  setenv("FAKE_CUDA_FAIL", "cuModuleLoadDataEx:218", 1);
  EXPECT_THAT(failure<RunError>(), HasSubstr("line 7: no such thing"));
}

TEST_F(CudaDevice, TooLittleMemory) {
  setenv("FAKE_CUDA_FAIL", "cuMemAlloc:2", 1);
  EXPECT_THAT(failure<RunError>(),
              HasSubstr("the program's arena needs 4096 bytes, Fake GPU has "
                        "1000 free of 2000"));
}

TEST_F(CudaDevice, ALaunchThatFailsIsNamed) {
  setenv("FAKE_CUDA_FAIL", "cuLaunchKernel:701", 1);
  auto device = make();
  try {
    device->run(0);
    FAIL();
  } catch (const RunError &error) {
    EXPECT_THAT(error.what(),
                HasSubstr("cuLaunchKernel failed: as asked for (701)"));
  }
}
