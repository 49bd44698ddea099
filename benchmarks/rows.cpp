//===- rows.cpp - Rates of row kernels against copying --------------------===//
//
// mixln-bench-rows [--programs NAME,...] [--widths N,...] [--dtype f32|bf16]
//                  [--mib M] [--json FILE]
//
// Bytes a second, read and written, that row programs of a training step move
// on one thread, out of cache, as a share of what a copy with plain stores
// moves there. Program and copy run in turns; the best of each counts, in time
// of this thread, since others may be running.
//
//===----------------------------------------------------------------------===//

#include "RowPrograms.h"
#include "device/Arena.h"
#include "device/Ceilings.h"
#include "device/CpuFeatures.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"

#include <algorithm>
#include <ctime>

using namespace mlir;
using namespace mixln;
using namespace mixln::test;
namespace cl = llvm::cl;

static cl::list<std::string> programs("programs", cl::CommaSeparated,
                                      cl::desc("row programs; default: all"));
static cl::list<int64_t> widths("widths", cl::CommaSeparated,
                                cl::desc("lengths of rows"));
static cl::opt<std::string> dtype("dtype", cl::init("f32"),
                                  cl::desc("type of rows in memory"));
static cl::opt<std::string> mcpu("mcpu", cl::init("native"));
static cl::opt<int64_t> mib("mib", cl::init(160), cl::desc("MiB a run moves"));
static cl::opt<int> turns("turns", cl::init(7));
static cl::opt<std::string> jsonFile("json", cl::desc("file to write"));

static double threadTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

namespace {

/// A row program with its operands in one arena, as in a run.
class Case {
public:
  Case(const TargetInfo &target, StringRef name, int64_t rows, int64_t width);

  double run();
  double bytes = 0, elements = 0;

private:
  Kernels kernels;
  OwningOpRef<ModuleOp> module;
  SmallVector<std::string> phases;
  Launch launch;
  std::vector<float> values;
  std::unique_ptr<rt::Arena> arena;
  std::vector<void *> pointers;
};

} // namespace

static RowProgramSpec specOf(StringRef name, int64_t rows, int64_t width) {
  RowProgramSpec spec = makeProgram(name, rows, width);
  if (dtype != "bf16")
    return spec;
  spec.resultType = "bf16";
  for (RowInput &input : spec.inputs)
    if (input.kind == RowInput::Row && input.type == "f32" &&
        input.shape.size() == 2)
      input.type = "bf16";
  return spec;
}

static int64_t bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * tensor.getElementTypeBitWidth() / 8;
}

/// A number near 0.5 for floats, a column for integers.
static void fill(char *memory, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  for (int64_t i = 0; i < tensor.getNumElements(); ++i)
    if (tensor.getElementType().isInteger())
      reinterpret_cast<int32_t *>(memory)[i] = i % 31;
    else if (tensor.getElementType().isBF16())
      reinterpret_cast<int16_t *>(memory)[i] = 0x3f00 + i % 61;
    else
      reinterpret_cast<int32_t *>(memory)[i] = 0x3f000000 + i % 8191;
}

Case::Case(const TargetInfo &target, StringRef name, int64_t rows,
           int64_t width)
    : kernels(target), module(ModuleOp::create(kernels.getBuilder().getLoc())) {
  RowwiseOp op = buildRowProgram(*module, specOf(name, rows, width));
  if (failed(emitRowKernel(op, "k", kernels.getBuilder(), phases)))
    std::abort();
  kernels.compile();
  launch = getRowLaunch(op);
  values.assign(op.getValues().begin(), op.getValues().end());
  elements = static_cast<double>(rows * width);

  // What replaces its operand does so in place, as in a step; other results
  // have memory of their own, as those that the backward needs.
  bool inPlace = name == "adam" || name == "loss_gradient";
  SmallVector<Type> types(op->getOperandTypes());
  SmallVector<int> place =
      llvm::to_vector(llvm::seq<int>(0, static_cast<int>(types.size())));
  for (auto [i, type] : llvm::enumerate(op->getResultTypes())) {
    int over = -1;
    for (int j = 0, e = op.getRows().size(); inPlace && j < e && over < 0; ++j)
      if (canRowWriteInPlace(op, j, i) &&
          !llvm::is_contained(ArrayRef(place).drop_front(op->getNumOperands()),
                              j))
        over = j;
    place.push_back(over >= 0 ? over : static_cast<int>(types.size()));
    if (over < 0)
      types.push_back(type);
    if (i < op.getRowResults().size())
      bytes += bytesOf(type);
  }
  for (Type type : op.getRows().getTypes())
    bytes += bytesOf(type);

  int64_t size = 0;
  std::vector<int64_t> offsets;
  auto add = [&](int64_t count) {
    offsets.push_back(size);
    size += llvm::alignTo(count, 64);
  };
  for (Type type : types)
    add(bytesOf(type));
  add(launch.workspaceBytes);
  add(launch.scratchBytes);
  arena = std::make_unique<rt::Arena>(size);
  for (auto [type, offset] : llvm::zip(types, offsets))
    fill(arena->data() + offset, type);
  for (int index : place)
    pointers.push_back(arena->data() + offsets[index]);
  pointers.push_back(arena->data() + offsets[types.size()]);
  pointers.push_back(arena->data() + offsets[types.size() + 1]);
}

double Case::run() {
  double start = threadTime();
  for (auto [phase, tasks] : llvm::enumerate(launch.tasks)) {
    rt::KernelFunction function = kernels.get(phases[phase]);
    for (int64_t task = 0; task < tasks; ++task)
      function(pointers.data(), launch.sizes.data(), values.data(), task, tasks,
               static_cast<char *>(pointers.back()));
  }
  return threadTime() - start;
}

static int64_t rowsFor(StringRef name, int64_t width) {
  RowProgramSpec spec = specOf(name, 1, width);
  int64_t bytes = 0;
  for (const RowInput &input : spec.inputs)
    if (input.kind == RowInput::Row && input.shape.size() == 2)
      bytes += width * (input.type == "bf16" ? 2 : 4);
  return std::max<int64_t>((mib << 20) / (bytes + width * 4), 1);
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv,
                              "Row programs against a plain-store copy\n");
  auto target = TargetInfo::create(mcpu);
  if (!target) {
    llvm::errs() << llvm::toString(target.takeError()) << "\n";
    return 2;
  }
  std::vector<std::string> names = programs;
  if (names.empty())
    names = {"scaling", "rms_norm",        "residual_rms", "rms_backward",
             "swiglu",  "swiglu_backward", "adam",         "squared_norm",
             "loss",    "loss_gradient"};
  std::vector<int64_t> lengths = widths;
  if (lengths.empty())
    lengths = {128, 256, 512, 1024, 2048, 4096};

  llvm::json::Array records;
  std::printf("%-20s %6s %8s %8s %8s %6s %8s\n", "program", "width", "rows",
              "GB/s", "copy", "share", "ns/elem");
  for (StringRef name : names)
    for (int64_t width : lengths) {
      int64_t rows = rowsFor(name, width);
      Case one(*target, name, rows, width);
      int64_t half = llvm::alignTo(static_cast<int64_t>(one.bytes) / 2, 128);
      rt::Arena from(half), to(half);
      std::fill_n(from.data(), half, 1);
      double best = 1e9, copy = 1e9;
      for (int turn = 0; turn < turns; ++turn) {
        best = std::min(best, one.run());
        double start = threadTime();
        rt::copyPlain(from.data(), to.data(), half);
        // The first turn touches the copy's target for the first time.
        if (turn > 0)
          copy = std::min(copy, threadTime() - start);
      }
      double speed = one.bytes / best, limit = 2.0 * half / copy;
      std::printf("%-20s %6lld %8lld %8.1f %8.1f %5.0f%% %8.3f\n",
                  name.str().c_str(), static_cast<long long>(width),
                  static_cast<long long>(rows), speed * 1e-9, limit * 1e-9,
                  100 * speed / limit, best * 1e9 / one.elements);
      std::fflush(stdout);
      records.push_back(llvm::json::Object{{"program", name},
                                           {"dtype", dtype.getValue()},
                                           {"width", width},
                                           {"rows", rows},
                                           {"bytes_per_second", speed},
                                           {"copy_bytes_per_second", limit},
                                           {"share", speed / limit}});
    }
  if (jsonFile.empty())
    return 0;
  std::error_code error;
  llvm::raw_fd_ostream file(jsonFile, error);
  if (error) {
    llvm::errs() << "cannot write " << jsonFile << ": " << error.message()
                 << "\n";
    return 2;
  }
  llvm::json::Object report{{"cpu", rt::cpuModelName()},
                            {"rows", std::move(records)}};
  file << llvm::formatv("{0:1}", llvm::json::Value(std::move(report))) << "\n";
  return 0;
}
