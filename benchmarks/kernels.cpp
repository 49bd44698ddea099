//===- kernels.cpp - Rates of the kernels against the fma peak ------------===//
//
// mixln-bench-kernels [THREADS [CPU]]: GFLOP/s of the matrix products and
// attention of a 71M model's step (8 sequences of 256 tokens), their share of a
// loop on registers that runs in turns with them, and the time that their
// compilation takes. Tasks are dealt to threads in contiguous halves, as the
// runtime does.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

#include "mixln/Conversion/AttentionToVector.h"
#include "mixln/Conversion/EmbeddingToVector.h"
#include "mixln/Conversion/MatmulToVector.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>

using namespace mixln;
using namespace mixln::test;
using mlir::Value;

namespace {

/// Seconds. With one thread those that it computed: other programs on the
/// machine do not count.
double now(bool computed) {
  timespec time;
  clock_gettime(computed ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

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
  int64_t getSize() const { return size; }
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

double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

/// Independent sums of the loop on registers.
int64_t peakSums(const TargetInfo &target) {
  return target.lanes == 16 ? 24 : 12;
}

struct Bench {
  Bench(int64_t threads, const TargetInfo &target)
      : team(threads), kernels(target), sink((threads + 2) * 64) {
    sink.fill(0.5f);
  }

  Team team;
  Kernels kernels;
  std::mt19937 random{1};
  Buffer sink; ///< of the loop on registers
  /// GFLOP/s in registers, of the element of the products at hand, between the
  /// runs that were timed last: a machine that others use too changes from one
  /// second to the next.
  Element element = Element::F32;
  double peak = 0;

  /// Milliseconds, the median of several runs.
  double time(const std::string &symbol, std::vector<void *> pointers,
              llvm::ArrayRef<int64_t> sizes, int64_t tasks) {
    constexpr int kRuns = 9;
    launch(symbol, pointers, sizes, tasks);
    std::vector<double> times, peaks;
    for (int i = 0; i < kRuns; ++i) {
      times.push_back(launch(symbol, pointers, sizes, tasks));
      peaks.push_back(peakRate());
    }
    peak = median(peaks);
    return median(times);
  }
  void report(const std::string &what, double ms, double flops) {
    double rate = flops / ms * 1e-6;
    std::printf("%-34s %9.3f ms %7.1f GFLOP/s %5.1f %% of %5.1f\n",
                what.c_str(), ms, rate, 100 * rate / peak, peak);
  }

private:
  double launch(const std::string &symbol, const std::vector<void *> &pointers,
                llvm::ArrayRef<int64_t> sizes, int64_t tasks) {
    rt::KernelFunction kernel = kernels.get(symbol);
    bool computed = team.getSize() == 1;
    double start = now(computed);
    team.run(kernel, pointers.data(), sizes.data(), tasks);
    return (now(computed) - start) * 1e3;
  }
  double peakRate() {
    const TargetInfo &target = kernels.getTarget();
    constexpr int64_t kTurns = 200000;
    bool narrow = element == Element::BF16;
    double ms = launch(narrow ? "peak.bf16" : "peak", {sink.get()}, {kTurns},
                       team.getSize());
    double flops = 2.0 * peakSums(target) * target.lanes * kTurns *
                   team.getSize() * (narrow && target.hasBF16 ? 2 : 1);
    return flops / ms * 1e-6;
  }
};

/// A loop on registers only.
void emitPeak(KernelBuilder &b, llvm::StringRef symbol, Element element) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    Value out = b.loadPtr(args.pointers, 0);
    int64_t sums = peakSums(b.getTarget());
    Value factor = b.loadVector(out);
    // Unlike ones, or they would be merged.
    llvm::SmallVector<Value> init;
    for (int64_t i = 0; i < sums; ++i)
      init.push_back(b.mulF(factor, b.broadcast(b.constantF32(i))));
    auto results = b.loop(
        b.constant(0), b.loadI64(args.sizes, 0), 1, init,
        [&](Value, mlir::ValueRange carried) {
          llvm::SmallVector<Value> next;
          for (Value sum : carried)
            next.push_back(element == Element::F32
                               ? b.fma(sum, factor, factor)
                               : b.multiplyAdd(element, factor, factor, sum));
          return next;
        });
    Value total = b.zeroVector();
    for (Value result : results)
      total = b.addF(total, result);
    b.storeVector(total, b.offset(out, b.mul(b.add(args.task, 1), 64)));
  });
}

/// Products of one type of numbers.
struct Products {
  Element element = Element::F32;
  MatmulSpec forward, back, gradient, gradientPacked;
  PackSpec pack, packBack;
  PackSpec packX;

  explicit Products(Element element) : element(element) {
    bool narrow = element == Element::BF16;
    forward.product = element;
    forward.bf16Results = narrow;
    back = forward;
    gradient.product = element;
    gradient.transposeLhs = true;
    gradientPacked = gradient;
    gradient.rhsPacked = false;
    pack.to = packBack.to = element;
    packBack.transposed = false;
    packX = packBack;
    packX.from = element;
  }
  void emit(KernelBuilder &b) {
    emitPackKernel(b, pack.name(), pack);
    emitPackKernel(b, packBack.name(), packBack);
    if (element == Element::BF16) {
      emitPackKernel(b, packX.name(), packX);
      emitPairKernel(b, PairSpec{element}.name(), {element});
    }
    for (MatmulSpec *spec : {&forward, &gradient, &gradientPacked})
      emitMatmulKernel(b, spec->name(), *spec);
  }
};

/// bf16 takes half of the buffers' memory.
void benchMatmuls(Bench &bench, const Products &products, int64_t m, int64_t n,
                  int64_t k) {
  const TargetInfo &target = bench.kernels.getTarget();
  double flops = 2.0 * m * n * k;
  bool narrow = products.element == Element::BF16;
  std::string shape = std::to_string(n) + "x" + std::to_string(k) + ", " +
                      std::to_string(m) + " rows";
  if (narrow)
    shape += ", bf16";
  Buffer x(m * k), w(n * k), y(m * n), dw(n * k), pairsX(m * k), pairsY(m * n);
  Buffer packed(packedElements(target, n, k));
  Buffer packedBack(packedElements(target, k, n));
  Buffer packedX(packedElements(target, k, m));
  for (Buffer *buffer : {&x, &w, &y, &dw, &pairsX, &pairsY, &packedX})
    buffer->fill(bench.random);

  auto pack = [&](const PackSpec &spec, Buffer &from, Buffer &to, int64_t n,
                  int64_t k) {
    return bench.time(spec.name(), {from.get(), to.get()},
                      packSizes(spec, n, k), packTasks(target, n, k));
  };
  auto run = [&](const char *what, const MatmulSpec &spec, Buffer &a, Buffer &b,
                 Buffer &c, int64_t m, int64_t n, int64_t k) {
    MatmulLaunch launch = matmulLaunch(target, spec, m, {{n, k}});
    double ms = bench.time(spec.name(), {a.get(), b.get(), c.get()},
                           launch.sizes, launch.tasks);
    bench.report(what + shape, ms, flops);
  };
  double forwardPack = pack(products.pack, w, packed, n, k);
  double backPack = pack(products.packBack, w, packedBack, k, n);
  double packX = pack(products.packX, x, packedX, k, m);
  std::printf("  packing %.3f ms (from [out,in]), %.3f ms (for dX), %.3f ms "
              "(X for dW)",
              forwardPack, backPack, packX);
  if (narrow) {
    auto pair = [&](Buffer &from, Buffer &to, int64_t columns) {
      return bench.time(PairSpec{Element::BF16}.name(), {from.get(), to.get()},
                        {m, columns}, pairTasks(m, columns));
    };
    std::printf(", pairing %.3f ms (X), %.3f ms (dY)", pair(x, pairsX, k),
                pair(y, pairsY, n));
  }
  std::printf("\n");
  run("forward ", products.forward, x, packed, y, m, n, k);
  run("dX      ", products.back, y, packedBack, x, m, k, n);
  Buffer &left = narrow ? pairsY : y, &right = narrow ? pairsX : x;
  run("dW      ", products.gradient, left, right, dw, n, k, m);
  run("dW, X packed ", products.gradientPacked, left, packedX, dw, n, k, m);
}

const std::pair<AttentionSpec, int64_t> kAttentions[] = {
    {{256, 64, 8, 8}, 8},
    {{256, 32, 4, 4}, 8},
    {{1024, 64, 8, 8}, 2},
    {{.seqLen = 256,
      .headDim = 64,
      .heads = 8,
      .kvHeads = 8,
      .element = Element::BF16},
     8},
    {{.seqLen = 256,
      .headDim = 32,
      .heads = 4,
      .kvHeads = 4,
      .element = Element::BF16},
     8}};

void benchAttention(Bench &bench, const AttentionSpec &spec,
                    int64_t sequences) {
  int64_t rows = sequences * spec.seqLen;
  std::vector<Buffer> buffers;
  std::vector<void *> pointers;
  for (int64_t elements :
       {rows * spec.heads * spec.headDim, rows * spec.kvHeads * spec.headDim,
        rows * spec.kvHeads * spec.headDim, spec.seqLen * spec.headDim / 2,
        spec.seqLen * spec.headDim / 2, rows * spec.heads * spec.headDim,
        rows * spec.heads, rows * spec.heads * spec.headDim,
        rows * spec.heads * spec.headDim, rows * spec.kvHeads * spec.headDim,
        rows * spec.kvHeads * spec.headDim}) {
    buffers.emplace_back(elements);
    buffers.back().fill(bench.random);
    pointers.push_back(buffers.back().get());
  }
  // Causal: half of the pairs of query and key.
  double flops = 2.0 * sequences * spec.heads * spec.headDim *
                 (spec.seqLen * (spec.seqLen + 1) / 2);
  int64_t tasks = attentionTasks(spec, sequences);
  bench.report(spec.name(), bench.time(spec.name(), pointers, {}, tasks),
               2 * flops);
  bench.report(spec.name() + " backward",
               bench.time(spec.name() + ".grad", pointers, {}, tasks),
               4 * flops);
}

void benchEmbedding(Bench &bench) {
  int64_t rows = 2048, columns = 512, vocabulary = 32000;
  Buffer table(vocabulary * columns), out(rows * columns);
  table.fill(bench.random);
  out.fill(bench.random);
  std::vector<int32_t> ids(rows), order(rows), starts(rows + 1, rows);
  for (int64_t i = 0; i < rows; ++i) {
    ids[i] = i / 2 * 13;
    order[i] = i;
    if (i % 2 == 0)
      starts[i / 2] = i;
  }
  double ms = bench.time("embedding", {table.get(), ids.data(), out.get()},
                         {rows, columns}, embeddingTasks(rows, columns));
  auto tasks = embeddingGradTasks({false}, rows, columns, vocabulary);
  std::vector<void *> pointers = {out.get(), ids.data(), order.data(),
                                  starts.data(), table.get()};
  double zero = bench.time("embedding_grad.zero", pointers,
                           {rows, columns, vocabulary}, tasks[0]);
  double sum = bench.time("embedding_grad.sum", pointers,
                          {rows, columns, vocabulary}, tasks[1]);
  std::printf("embedding %.3f ms, gradient: zeros %.3f ms, sums %.3f ms\n", ms,
              zero, sum);
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
  for (Element element : {Element::F32, Element::BF16})
    compileAlone(*target,
                 element == Element::F32 ? "products" : "products, bf16",
                 [&](KernelBuilder &b) { Products(element).emit(b); });
  compileAlone(*target, "attention", [](KernelBuilder &b) {
    emitAttentionKernel(b, "k", kAttentions[0].first);
  });
  compileAlone(*target, "attention_grad", [](KernelBuilder &b) {
    emitAttentionGradKernel(b, "k", kAttentions[0].first);
  });
  llvm::SmallVector<std::string> phases;
  compileAlone(*target, "embedding", [&](KernelBuilder &b) {
    emitEmbeddingKernel(b, "k", {});
    emitEmbeddingGradKernel(b, "g", {false}, phases);
  });

  Bench bench(threads, *target);
  KernelBuilder &b = bench.kernels.getBuilder();
  emitPeak(b, "peak", Element::F32);
  emitPeak(b, "peak.bf16", Element::BF16);
  for (Element element : {Element::F32, Element::BF16})
    Products(element).emit(b);
  emitEmbeddingKernel(b, "embedding", {});
  emitEmbeddingGradKernel(b, "embedding_grad", {false}, phases);
  for (const auto &[spec, sequences] : kAttentions) {
    emitAttentionKernel(b, spec.name(), spec);
    emitAttentionGradKernel(b, spec.name() + ".grad", spec);
  }
  std::printf("compile all                  %7.1f ms\n",
              bench.kernels.compile() * 1e3);

  for (Element element : {Element::F32, Element::BF16}) {
    bench.element = element;
    for (const auto &[spec, sequences] : kAttentions)
      if (spec.element == element)
        benchAttention(bench, spec, sequences);
    Products products(element);
    benchMatmuls(bench, products, 2048, 512, 512);
    benchMatmuls(bench, products, 2048, 1536, 512);
    benchMatmuls(bench, products, 2048, 2736, 512);
    benchMatmuls(bench, products, 2048, 512, 1368);
    benchMatmuls(bench, products, 512, 32000, 512);
  }
  benchEmbedding(bench);
}
