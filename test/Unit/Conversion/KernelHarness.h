//===- KernelHarness.h - Compiles kernels and runs them ---------*- C++ -*-===//
//
// For the tests of kernels and for their benchmark.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TEST_KERNELHARNESS_H
#define MIXLN_TEST_KERNELHARNESS_H

#include "mixln-rt/program.h"
#include "mixln/Conversion/KernelBuilder.h"
#include "mixln/Target/CPU.h"

#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/bit.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace mixln::test {

/// Numbers that end at a page which must not be touched, so that a kernel that
/// reads or writes past the end is stopped.
class Buffer {
public:
  explicit Buffer(int64_t elements) : count(elements) {
    int64_t page = sysconf(_SC_PAGESIZE);
    int64_t usable = (elements * 4 + page - 1) / page * page;
    mapped = usable + page;
    memory = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory + usable, page, PROT_NONE);
    data = reinterpret_cast<float *>(memory + usable) - elements;
  }
  Buffer(Buffer &&other)
      : count(other.count), mapped(other.mapped),
        memory(std::exchange(other.memory, nullptr)), data(other.data) {}
  ~Buffer() {
    if (memory)
      munmap(memory, mapped);
  }

  Buffer &fill(std::mt19937 &random) {
    std::uniform_real_distribution<float> values(-1, 1);
    for (int64_t i = 0; i < count; ++i)
      data[i] = values(random);
    return *this;
  }
  Buffer &fill(float value) {
    std::fill(data, data + count, value);
    return *this;
  }
  float &operator[](int64_t i) { return data[i]; }
  float operator[](int64_t i) const { return data[i]; }
  float *get() const { return data; }
  int64_t size() const { return count; }

private:
  int64_t count;
  int64_t mapped;
  char *memory;
  float *data;
};

/// The bf16 nearest to a number, ties to even, as its bits.
inline uint16_t toBF16(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
inline float fromBF16(uint16_t bits) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// Numbers of bf16 in memory, which end at such a page too.
class NarrowBuffer {
public:
  explicit NarrowBuffer(int64_t elements)
      : count(elements), words((elements + 1) / 2) {}
  /// The roundings of numbers.
  explicit NarrowBuffer(const Buffer &from) : NarrowBuffer(from.size()) {
    for (int64_t i = 0; i < count; ++i)
      get()[i] = toBF16(from[i]);
  }
  uint16_t *get() const {
    return reinterpret_cast<uint16_t *>(words.get() + words.size()) - count;
  }
  int64_t size() const { return count; }
  NarrowBuffer &fillNaN() {
    std::fill(get(), get() + count, 0xffff);
    return *this;
  }
  Buffer widened() const {
    Buffer wide(count);
    for (int64_t i = 0; i < count; ++i)
      wide[i] = fromBF16(get()[i]);
    return wide;
  }

private:
  int64_t count;
  Buffer words;
};

/// A module of kernels, then their code.
class Kernels {
public:
  explicit Kernels(const TargetInfo &target) : target(target) {
    mlir::DialectRegistry registry;
    registerKernelDialects(registry);
    context.appendDialectRegistry(registry);
    module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    builder = std::make_unique<KernelBuilder>(*module, this->target);
  }

  KernelBuilder &getBuilder() { return *builder; }
  const TargetInfo &getTarget() const { return target; }

  /// Compiles; says how long it took, in seconds.
  double compile() {
    auto start = std::chrono::steady_clock::now();
    auto object = compileKernels(*module, target);
    if (!object)
      fail(object.takeError());
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    auto loaded = KernelJit::create(*object);
    if (!loaded)
      fail(loaded.takeError());
    jit = std::move(*loaded);
    return seconds;
  }

  rt::KernelFunction get(const std::string &symbol) {
    auto address = jit->lookup(symbol);
    if (!address)
      fail(address.takeError());
    return reinterpret_cast<rt::KernelFunction>(*address);
  }

  void run(const std::string &symbol, std::vector<void *> pointers,
           llvm::ArrayRef<int64_t> sizes, int64_t tasks,
           int64_t scratchBytes = 0) {
    rt::KernelFunction function = get(symbol);
    Buffer scratch(scratchBytes / 4);
    // Nothing may rely on what scratch holds.
    scratch.fill(std::nanf(""));
    for (int64_t task = 0; task < tasks; ++task)
      function(pointers.data(), sizes.data(), nullptr, task, tasks,
               reinterpret_cast<char *>(scratch.get()));
  }

private:
  [[noreturn]] static void fail(llvm::Error error) {
    std::fprintf(stderr, "%s\n", llvm::toString(std::move(error)).c_str());
    std::abort();
  }

  TargetInfo target;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<KernelBuilder> builder;
  std::unique_ptr<KernelJit> jit;
};

/// |a - b| / |b|; NaN where either holds one.
inline double relativeError(const Buffer &a, const std::vector<double> &b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  if (norm == 0)
    return difference;
  return std::sqrt(difference / norm);
}

} // namespace mixln::test

#endif // MIXLN_TEST_KERNELHARNESS_H
