//===- rows.cpp - Rates of row kernels against copying --------------------===//
//
// mixln-bench-rows [CPU [FILTER]]: bytes a second that row programs move on one
// thread, in memory and in the third-level cache, as a share of what scaling
// one array into another moves there; nanoseconds an element; the time that
// compilation takes.
//
//===----------------------------------------------------------------------===//

#include "RowPrograms.h"

#include <algorithm>
#include <ctime>

using namespace mlir;
using namespace mixln;
using namespace mixln::test;

namespace {

struct Case {
  const char *program;
  int64_t rows, width;
};

double threadTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

class Bench {
public:
  explicit Bench(const TargetInfo &target) : target(target) {}

  struct Rate {
    double bytes = 0, elements = 0, seconds = 0, compile = 0;
  };

  Rate measure(Case c) {
    Kernels kernels(target);
    OwningOpRef<ModuleOp> module =
        ModuleOp::create(kernels.getBuilder().getLoc());
    RowwiseOp op =
        buildRowProgram(*module, makeProgram(c.program, c.rows, c.width));
    SmallVector<std::string> phases;
    if (failed(emitRowKernel(op, "k", kernels.getBuilder(), phases)))
      std::abort();
    Rate rate;
    rate.compile = kernels.compile();
    Launch launch = getRowLaunch(op);

    std::vector<Buffer> memory;
    std::vector<void *> pointers;
    auto allocate = [&](Type type, bool counts) {
      int64_t elements = cast<RankedTensorType>(type).getNumElements();
      memory.emplace_back(elements);
      // A small number as f32, a column as i32.
      for (int64_t i = 0; i < elements; ++i)
        reinterpret_cast<int32_t *>(memory.back().get())[i] =
            cast<RankedTensorType>(type).getElementType().isInteger()
                ? i % 31
                : 0x3f000000 + i % 8191;
      if (counts)
        rate.bytes += elements * 4;
      pointers.push_back(memory.back().get());
    };
    for (auto [i, type] : llvm::enumerate(op->getOperandTypes()))
      allocate(type, i < op.getRows().size());
    for (auto [i, type] : llvm::enumerate(op->getResultTypes())) {
      bool isRow = i < op.getRowResults().size();
      bool found = false;
      // In place as the plan would do it.
      for (unsigned j = 0; j < op.getRows().size() && !found; ++j) {
        if (!canRowWriteInPlace(op, j, i) ||
            llvm::is_contained(
                ArrayRef(pointers).drop_front(op->getNumOperands()),
                pointers[j]))
          continue;
        pointers.push_back(pointers[j]);
        rate.bytes += cast<RankedTensorType>(type).getNumElements() * 4;
        found = true;
      }
      if (!found)
        allocate(type, isRow);
    }
    Buffer workspace(launch.workspaceBytes / 4),
        scratch(launch.scratchBytes / 4);
    pointers.push_back(workspace.get());
    std::vector<float> values(op.getValues().begin(), op.getValues().end());
    rate.elements = c.rows * c.width;

    // The best of several, in time of this thread: others may be running.
    rate.seconds = 1e9;
    for (int repetition = 0; repetition < 15; ++repetition) {
      double start = threadTime();
      for (auto [phase, tasks] : llvm::enumerate(launch.tasks)) {
        rt::KernelFunction function = kernels.get(phases[phase]);
        for (int64_t task = 0; task < tasks; ++task)
          function(pointers.data(), launch.sizes.data(), values.data(), task,
                   tasks, reinterpret_cast<char *>(scratch.get()));
      }
      rate.seconds = std::min(rate.seconds, threadTime() - start);
    }
    return rate;
  }

private:
  TargetInfo target;
};

} // namespace

int main(int argc, char **argv) {
  auto target = TargetInfo::create(argc > 1 ? argv[1] : "native");
  if (!target) {
    llvm::errs() << llvm::toString(target.takeError()) << "\n";
    return 2;
  }
  Bench bench(*target);
  const Case cases[] = {
      {"residual", 32768, 512},
      {"residual", 2048, 512},
      {"residual_norm_norm", 32768, 512},
      {"residual_norm_norm", 2048, 512},
      {"layer_norm", 32768, 512},
      {"layer_norm", 2048, 512},
      {"rms_backward", 32768, 512},
      {"rms_backward", 2048, 512},
      {"swiglu", 8192, 1368},
      {"swiglu", 1024, 1368},
      {"swiglu_backward", 8192, 1368},
      {"swiglu_backward", 1024, 1368},
      {"dyt", 32768, 512},
      {"derf", 32768, 512},
      {"seed_norm", 32768, 512},
      {"head_norm", 65536, 64},
      {"head_norm", 65536, 18},
      {"head_sums", 65536, 64},
      {"adam", 32000, 512},
      {"squared_norm", 32000, 512},
      {"loss", 512, 32000},
      {"loss_gradient", 512, 32000},
  };
  std::printf("%-20s %6s %6s %8s %8s %8s %8s %8s\n", "program", "rows", "width",
              "GB/s", "copy", "share", "ns/elem", "compile");
  for (Case c : cases) {
    if (argc > 2 && std::string(c.program).find(argv[2]) == std::string::npos)
      continue;
    // Copying about as many bytes in turn, as the machine is not always quiet.
    Bench::Rate rate = bench.measure(c);
    int64_t copied = static_cast<int64_t>(rate.bytes) / 8 / 1024;
    Bench::Rate copy = bench.measure({"scaling", copied, 1024});
    double speed = rate.bytes / rate.seconds, limit = copy.bytes / copy.seconds;
    std::printf("%-20s %6ld %6ld %8.1f %8.1f %7.0f%% %8.3f %6.0f ms\n",
                c.program, static_cast<long>(c.rows),
                static_cast<long>(c.width), speed * 1e-9, limit * 1e-9,
                100 * speed / limit, rate.seconds * 1e9 / rate.elements,
                rate.compile * 1e3);
  }
}
