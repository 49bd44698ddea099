//===- kernels.cpp - Rates of the kernels against the fma peak ------------===//
//
// mixln-bench-kernels [THREADS [CPU]]: GFLOP/s of the matrix products and
// attention of a 71M model's step (8 sequences of 256 tokens) and the time
// that their compilation takes. Tasks are dealt to threads in contiguous
// halves, as the runtime does.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

#include "mixln/Conversion/MatmulToVector.h"

#include <algorithm>
#include <atomic>
#include <pthread.h>
#include <thread>

using namespace mixln;
using namespace mixln::test;
using mlir::Value;

namespace {

using Clock = std::chrono::steady_clock;

/// Threads that wait spinning, so that a launch costs little.
class Team {
public:
  explicit Team(int64_t size) : size(size), scratch(size) {
    for (int64_t i = 0; i < size; ++i)
      scratch[i].reset(new Buffer(kScratchBytes / 4));
    for (int64_t i = 1; i < size; ++i)
      threads.emplace_back([this, i] { serve(i); });
  }
  ~Team() {
    stop = true;
    for (std::thread &thread : threads)
      thread.join();
  }
  void run(rt::KernelFunction kernel, void *const *pointers,
           const int64_t *sizes, int64_t tasks) {
    job = {kernel, pointers, sizes, tasks};
    done = 0;
    ++round;
    share(0);
    while (done < size - 1)
      __builtin_ia32_pause();
  }

private:
  static constexpr int64_t kScratchBytes = 64 << 20;
  struct Job {
    rt::KernelFunction kernel;
    void *const *pointers;
    const int64_t *sizes;
    int64_t tasks;
  };
  void share(int64_t index) {
    int64_t last = job.tasks * (index + 1) / size;
    for (int64_t task = job.tasks * index / size; task < last; ++task)
      job.kernel(job.pointers, job.sizes, nullptr, task, job.tasks,
                 reinterpret_cast<char *>(scratch[index]->get()));
  }
  void serve(int64_t index) {
    for (int64_t seen = 0; !stop;) {
      if (round == seen) {
        __builtin_ia32_pause();
        continue;
      }
      ++seen;
      share(index);
      ++done;
    }
  }
  int64_t size;
  Job job = {};
  std::vector<std::unique_ptr<Buffer>> scratch;
  std::vector<std::thread> threads;
  std::atomic<int64_t> round = 0, done = 0;
  std::atomic<bool> stop = false;
};

/// Milliseconds of the median of several runs.
double median(llvm::function_ref<void()> run, int repetitions = 9) {
  std::vector<double> times;
  run();
  for (int i = 0; i < repetitions; ++i) {
    auto start = Clock::now();
    run();
    times.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - start)
            .count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

struct Bench {
  Bench(int64_t threads, const TargetInfo &target)
      : team(threads), kernels(target) {}

  Team team;
  Kernels kernels;
  double peak = 0;
  std::mt19937 random{1};

  double time(const std::string &symbol, std::vector<void *> pointers,
              llvm::ArrayRef<int64_t> sizes, int64_t tasks) {
    rt::KernelFunction kernel = kernels.get(symbol);
    return median(
        [&] { team.run(kernel, pointers.data(), sizes.data(), tasks); });
  }
  void report(const std::string &what, double ms, double flops) {
    double rate = flops / ms * 1e-6;
    std::printf("%-34s %9.3f ms %7.1f GFLOP/s %5.1f %%\n", what.c_str(), ms,
                rate, 100 * rate / peak);
  }
};

/// A loop on registers only: 24 independent sums.
void emitPeak(KernelBuilder &b) {
  b.kernelFunction("peak", [&](KernelBuilder::Arguments args) {
    Value out = b.loadPtr(args.pointers, 0);
    int64_t sums = b.lanes() == 16 ? 24 : 12;
    Value factor = b.loadVector(out);
    // Unlike ones, or they would be merged.
    llvm::SmallVector<Value> init;
    for (int64_t i = 0; i < sums; ++i)
      init.push_back(b.mulF(factor, b.broadcast(b.constantF32(i))));
    auto results = b.loop(b.constant(0), b.loadI64(args.sizes, 0), 1, init,
                          [&](Value, mlir::ValueRange carried) {
                            llvm::SmallVector<Value> next;
                            for (Value sum : carried)
                              next.push_back(b.fma(sum, factor, factor));
                            return next;
                          });
    Value total = b.zeroVector();
    for (Value result : results)
      total = b.addF(total, result);
    b.storeVector(total, b.offset(out, b.mul(b.add(args.task, 1), 64)));
  });
}

void benchMatmuls(Bench &bench, int64_t m, int64_t n, int64_t k) {
  const TargetInfo &target = bench.kernels.getTarget();
  double flops = 2.0 * m * n * k;
  std::string shape = std::to_string(n) + "x" + std::to_string(k) + ", " +
                      std::to_string(m) + " rows";
  Buffer x(m * k), w(n * k), y(m * n), dw(n * k);
  Buffer packed(packedElements(target, n, k));
  Buffer packedBack(packedElements(target, k, n));
  for (Buffer *buffer : {&x, &w, &y, &dw})
    buffer->fill(bench.random);

  double forwardPack =
      bench.time("pack_t", {w.get(), packed.get()}, packSizes({true}, n, k),
                 packTasks(target, n, k));
  double backPack =
      bench.time("pack_n", {w.get(), packedBack.get()}, packSizes({false}, k, n),
                 packTasks(target, k, n));
  MatmulLaunch launch = matmulLaunch(target, {}, m, {{n, k}});
  double ms = bench.time("packed", {x.get(), packed.get(), y.get()},
                         launch.sizes, launch.tasks);
  bench.report("forward " + shape, ms, flops);
  launch = matmulLaunch(target, {}, m, {{k, n}});
  ms = bench.time("packed", {y.get(), packedBack.get(), x.get()}, launch.sizes,
                  launch.tasks);
  bench.report("dX      " + shape, ms, flops);
  MatmulSpec gradient;
  gradient.transposeLhs = true;
  gradient.rhsPacked = false;
  launch = matmulLaunch(target, gradient, n, {{k, m}});
  ms = bench.time("gradient", {y.get(), x.get(), dw.get()}, launch.sizes,
                  launch.tasks);
  bench.report("dW      " + shape, ms, flops);
  std::printf("  packing %.3f ms (from [out,in]), %.3f ms (for dX)\n",
              forwardPack, backPack);
}

double compileAlone(const TargetInfo &target, const char *what,
                    llvm::function_ref<void(KernelBuilder &)> emit) {
  Kernels kernels(target);
  emit(kernels.getBuilder());
  double ms = kernels.compile() * 1e3;
  std::printf("compile %-20s %7.1f ms\n", what, ms);
  return ms;
}

} // namespace

int main(int argc, char **argv) {
  int64_t threads = argc > 1 ? std::atoi(argv[1]) : 1;
  auto target = TargetInfo::create(argc > 2 ? argv[2] : "native");
  if (!target) {
    std::fprintf(stderr, "%s\n", llvm::toString(target.takeError()).c_str());
    return 2;
  }
  MatmulSpec gradient;
  gradient.transposeLhs = true;
  gradient.rhsPacked = false;
  compileAlone(*target, "matmul packed",
               [](KernelBuilder &b) { emitMatmulKernel(b, "k", {}); });
  compileAlone(*target, "matmul in place", [&](KernelBuilder &b) {
    emitMatmulKernel(b, "k", gradient);
  });
  compileAlone(*target, "pack", [](KernelBuilder &b) {
    emitPackKernel(b, "p", {true});
    emitPackKernel(b, "q", {false});
  });

  Bench bench(threads, *target);
  KernelBuilder &b = bench.kernels.getBuilder();
  emitPeak(b);
  emitPackKernel(b, "pack_t", {true});
  emitPackKernel(b, "pack_n", {false});
  emitMatmulKernel(b, "packed", {});
  emitMatmulKernel(b, "gradient", gradient);
  std::printf("compile all                  %7.1f ms\n",
              bench.kernels.compile() * 1e3);

  Buffer sink((threads + 2) * 64);
  sink.fill(0.5f);
  int64_t turns = 2000000, sums = target->lanes == 16 ? 24 : 12;
  bench.peak = 1;
  double ms = bench.time("peak", {sink.get()}, {turns}, threads);
  double flops = 2.0 * sums * target->lanes * turns * threads;
  bench.peak = flops / ms * 1e-6;
  bench.report("registers only", ms, flops);

  benchMatmuls(bench, 2048, 512, 512);
  benchMatmuls(bench, 2048, 1536, 512);
  benchMatmuls(bench, 2048, 1368, 512);
  benchMatmuls(bench, 2048, 2736, 512);
  benchMatmuls(bench, 2048, 512, 1368);
  benchMatmuls(bench, 512, 32000, 512);
}
