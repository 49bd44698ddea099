//===- EmulatorTest.cpp - Kernels by hand, on the emulator ----------------===//

#include "device/Device.h"
#include "device/ThreadPool.h"
#include "mixln/Target/CPU.h"
#include "mixln/Target/EmulatorObject.h"
#include "support/BFloat16.h"
#include "support/Errors.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <regex>

using namespace mixln::rt;
using testing::HasSubstr;

extern "C" char *mixln_emu_shared();
/// Keeps what the compiled code calls in this program.
extern char *(*const keptEmulator)();
char *(*const keptEmulator)() = mixln_emu_shared;

namespace {

constexpr int64_t kSlot = 1 << 16; ///< bytes of an operand's place

/// One kernel in its own program, with operands at multiples of kSlot.
class EmulatedProgram {
public:
  explicit EmulatedProgram(const std::string &ir) {
    llvm::LLVMContext context;
    llvm::SMDiagnostic diagnostic;
    auto module = llvm::parseAssemblyString(ir, diagnostic, context);
    if (!module) {
      failure = diagnostic.getMessage().str();
      return;
    }
    auto object = mixln::emitEmulatorObject(*module, {"kernel"});
    if (!object) {
      failure = llvm::toString(object.takeError());
      return;
    }
    jit = cantFail(mixln::KernelJit::create(*object));
    phases = static_cast<const EmulatedPhase *>(
        cantFail(jit->lookup("mixln_emulated_kernels")));
    program.target = "cuda";
    Kernel kernel;
    kernel.name = "kernel";
    kernel.phases = {"kernel"};
    kernel.launches = {{32, 0}};
    program.kernels = {kernel};
    dispatch.tasks = {1};
    dispatch.site = "layers.0.here";
  }

  void operand(int64_t bytes, bool reads, bool writes) {
    auto offset = static_cast<int64_t>(dispatch.operands.size()) * kSlot;
    dispatch.operands.push_back({offset, bytes, reads, writes});
  }

  /// Call when the dispatch is complete.
  void make(uint64_t seed = 1) {
    device.reset();
    program.arenaBytes = kSlot * 16;
    program.entries = {{"entry", {dispatch}}};
    device = makeEmulatorDevice(program, phases, 1, pool, seed);
  }
  template <typename T> void write(int operand, const std::vector<T> &values) {
    device->write(operand * kSlot, values.data(), values.size() * sizeof(T));
  }
  template <typename T> std::vector<T> read(int operand, int64_t count) {
    std::vector<T> values(count);
    device->read(operand * kSlot, values.data(), count * sizeof(T));
    return values;
  }
  std::string runFailure() {
    try {
      device->run(0);
    } catch (const RunError &error) {
      return error.what();
    }
    return {};
  }

  std::string failure;
  Program program;
  Dispatch dispatch;
  std::unique_ptr<Device> device;
  const EmulatedPhase *phases = nullptr;

private:
  ThreadPool pool{2};
  std::unique_ptr<mixln::KernelJit> jit;
};

std::vector<float> randomNumbers(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = normal(random);
  return numbers;
}

// A row a block, 64 threads of four columns each.
const char residualRms[] = R"(
@partial = internal addrspace(3) global [2 x float] undef, align 16
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare float @llvm.nvvm.shfl.sync.bfly.f32(i32, float, i32, i32)
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare float @llvm.nvvm.rsqrt.approx.f(float)
declare float @llvm.vector.reduce.fadd.v4f32(float, <4 x float>)

define float @warpSum(float %v) {
entry:
  br label %loop
loop:
  %lanes = phi i32 [16, %entry], [%less, %loop]
  %sum = phi float [%v, %entry], [%next, %loop]
  %other = call float @llvm.nvvm.shfl.sync.bfly.f32(i32 -1, float %sum, i32 %lanes, i32 31)
  %next = fadd float %sum, %other
  %less = lshr i32 %lanes, 1
  %more = icmp ne i32 %less, 0
  br i1 %more, label %loop, label %done
done:
  ret float %next
}

define ptx_kernel void @kernel(ptr addrspace(1) noalias readonly %x, ptr addrspace(1) noalias readonly %f,
    ptr addrspace(1) %y, ptr addrspace(1) %h, i64 %rows, float %eps) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %cta = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %row = mul i32 %cta, 256
  %column = mul i32 %tid, 4
  %at = add i32 %row, %column
  %px = getelementptr float, ptr addrspace(1) %x, i32 %at
  %pf = getelementptr float, ptr addrspace(1) %f, i32 %at
  %py = getelementptr float, ptr addrspace(1) %y, i32 %at
  %ph = getelementptr bfloat, ptr addrspace(1) %h, i32 %at
  %vx = load <4 x float>, ptr addrspace(1) %px, align 16
  %vf = load <4 x float>, ptr addrspace(1) %pf, align 16
  %s = fadd <4 x float> %vx, %vf
  store <4 x float> %s, ptr addrspace(1) %py, align 16
  %sq = fmul <4 x float> %s, %s
  %own = call float @llvm.vector.reduce.fadd.v4f32(float 0.0, <4 x float> %sq)
  %sum = call float @warpSum(float %own)
  %warp = lshr i32 %tid, 5
  %slot = getelementptr float, ptr addrspace(3) @partial, i32 %warp
  %lane = and i32 %tid, 31
  %leads = icmp eq i32 %lane, 0
  br i1 %leads, label %keep, label %meet
keep:
  store float %sum, ptr addrspace(3) %slot
  br label %meet
meet:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %a = load float, ptr addrspace(3) @partial
  %b = load float, ptr addrspace(3) getelementptr (float, ptr addrspace(3) @partial, i32 1)
  %all = fadd float %a, %b
  %mean = fmul float %all, 0x3F70000000000000
  %shifted = fadd float %mean, %eps
  %r = call float @llvm.nvvm.rsqrt.approx.f(float %shifted)
  %r1 = insertelement <4 x float> poison, float %r, i32 0
  %r4 = shufflevector <4 x float> %r1, <4 x float> poison, <4 x i32> zeroinitializer
  %n = fmul <4 x float> %s, %r4
  %nh = fptrunc <4 x float> %n to <4 x bfloat>
  store <4 x bfloat> %nh, ptr addrspace(1) %ph, align 8
  ret void
}
)";

struct ResidualRms : EmulatedProgram {
  static constexpr int64_t rows = 7, n = 256;
  explicit ResidualRms(const std::string &ir) : EmulatedProgram(ir) {
    program.kernels[0].launches = {{64, 0}};
    dispatch.tasks = {rows};
    dispatch.sizes = {rows};
    dispatch.values = {1e-6f};
    operand(rows * n * 4, true, false);
    operand(rows * n * 4, true, false);
    operand(rows * n * 4, false, true);
    operand(rows * n * 2, false, true);
  }
};

} // namespace

TEST(Emulator, ResidualAndNormAgreeInEveryOrder) {
  ResidualRms test(residualRms);
  ASSERT_EQ(test.failure, "");
  EXPECT_EQ(test.phases[0].waits, 1);
  EXPECT_EQ(test.phases[0].constantPointers, 3u);
  constexpr int64_t rows = ResidualRms::rows, n = ResidualRms::n;
  std::vector<float> x = randomNumbers(rows * n, 1),
                     f = randomNumbers(rows * n, 2);
  for (uint64_t seed : {0, 1, 2, 3}) {
    test.make(seed);
    test.write(0, x);
    test.write(1, f);
    ASSERT_EQ(test.runFailure(), "");
    auto y = test.read<float>(2, rows * n);
    auto h = test.read<uint16_t>(3, rows * n);
    for (int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (int64_t i = row * n; i < (row + 1) * n; ++i) {
        EXPECT_EQ(y[i], x[i] + f[i]);
        sum += double(y[i]) * y[i];
      }
      double scale = 1 / std::sqrt(sum / n + 1e-6);
      for (int64_t i = row * n; i < (row + 1) * n; ++i)
        ASSERT_NEAR(fromBFloat16(h[i]), y[i] * scale,
                    std::fabs(y[i] * scale) * 0x1p-8 + 1e-6);
    }
  }
}

TEST(Emulator, ABarrierThatIsMissingIsFound) {
  const std::string barrier =
      "  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)\n";
  std::string without = residualRms;
  without.erase(without.find(barrier), barrier.size());
  ResidualRms test(without);
  ASSERT_EQ(test.failure, "");
  for (uint64_t seed : {0, 1, 2, 3}) {
    test.make(seed);
    std::string failure = test.runFailure();
    EXPECT_THAT(failure, HasSubstr("kernel kernel (layers.0.here), block "));
    EXPECT_THAT(failure, HasSubstr(", thread "));
    EXPECT_THAT(failure, HasSubstr("with no barrier between them"));
  }
}

TEST(Emulator, AnAccessOutsideTheDeclaredRangesIsFound) {
  ResidualRms test(residualRms);
  test.dispatch.operands[1].bytes -= 16; // the last four numbers of f
  test.make();
  std::string failure = test.runFailure();
  std::smatch match;
  ASSERT_TRUE(std::regex_search(
      failure, match,
      std::regex("kernel kernel \\(layers.0.here\\), block 6, thread 63: reads "
                 "16 bytes at address 0x[0-9a-f]+ \\(arena offset ([0-9]+)\\), "
                 "outside the ranges that its launch declares")))
      << failure;
  EXPECT_EQ(match[1], std::to_string(kSlot + ResidualRms::rows * 1024 - 16));

  test.dispatch.operands[1].bytes += 16;
  test.dispatch.operands[2] = {2 * kSlot, 7 * 1024, true, false};
  test.make();
  EXPECT_THAT(test.runFailure(),
              HasSubstr("which its launch declares as only read"));
  // Nothing of a launch that failed is left: the next one is whole.
  test.dispatch.operands[2].writes = true;
  test.make();
  EXPECT_EQ(test.runFailure(), "");
}

TEST(Emulator, AThreadReadsAgainWhatItWroteItself) {
  const std::string text = R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
define ptx_kernel void @kernel(ptr addrspace(1) %x, ptr addrspace(1) %y) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %p = getelementptr float, ptr addrspace(1) %x, i32 %tid
  store volatile float 1.0, ptr addrspace(1) %p
  %other = xor i32 %tid, 0
  %r = getelementptr float, ptr addrspace(1) %x, i32 %other
  %v = load volatile float, ptr addrspace(1) %r
  %q = getelementptr float, ptr addrspace(1) %y, i32 %tid
  store float %v, ptr addrspace(1) %q
  ret void
}
)";
  for (const char *distance : {"%tid, 0", "%tid, 1"}) {
    std::string changed = text;
    changed.replace(changed.find("%tid, 0"), 7, distance);
    EmulatedProgram test(changed);
    ASSERT_EQ(test.failure, "");
    test.operand(128, false, true);
    test.operand(128, false, true);
    test.make();
    std::string failure = test.runFailure();
    if (distance == std::string("%tid, 0"))
      EXPECT_EQ(failure, "");
    else
      EXPECT_THAT(failure, HasSubstr("declares as only written"));
  }
}

TEST(Emulator, ConstantMemoryIsNotWritten) {
  ResidualRms test(residualRms);
  test.dispatch.operands[2].offset = kSlot;
  try {
    test.make();
    FAIL();
  } catch (const RunError &error) {
    EXPECT_THAT(error.what(),
                HasSubstr("reads operand 1 as memory that does not change"));
  }
}

TEST(Emulator, ABarrierThatSomeThreadsLeaveOutIsFound) {
  EmulatedProgram test(R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
define ptx_kernel void @kernel(ptr addrspace(1) %x) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %first = icmp ult i32 %tid, 20
  br i1 %first, label %wait, label %done
wait:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %done
done:
  ret void
}
)");
  test.operand(64, true, true);
  test.make();
  EXPECT_THAT(test.runFailure(),
              HasSubstr("waits for ever at a barrier, thread 20 is done"));
}

// A loop over threads ends as the last of them; fibers that come next do not.
TEST(Emulator, FibersAfterALoop) {
  ResidualRms test(residualRms);
  test.make();
  EmulatedProgram plain(R"(
define ptx_kernel void @kernel(ptr addrspace(1) %x) {
  ret void
}
)");
  std::vector<EmulatedPhase> phases = {test.phases[0], plain.phases[0]};
  test.phases = phases.data();
  Kernel kernel = test.program.kernels[0];
  kernel.firstFunction = 1;
  kernel.launches = {{1000, 0}};
  test.program.kernels.push_back(kernel);
  Dispatch first = test.dispatch;
  first.kernel = 1;
  test.program.entries = {{"entry", {first, test.dispatch}}};
  ThreadPool pool(1);
  test.device = makeEmulatorDevice(test.program, phases.data(), 2, pool, 1);
  EXPECT_EQ(test.runFailure(), "");
}

TEST(Emulator, ThreadsThatNeverWaitAreALoop) {
  EmulatedProgram test(R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare float @llvm.exp2.f32(float)
define ptx_kernel void @kernel(ptr addrspace(1) noalias %x, i64 %n, float %scale) {
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %ntid = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %cta = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %begin = mul i32 %cta, %ntid
  %i32 = add i32 %begin, %tid
  %i = zext i32 %i32 to i64
  %in = icmp slt i64 %i, %n
  br i1 %in, label %work, label %done
work:
  %p = getelementptr float, ptr addrspace(1) %x, i64 %i
  %v = load float, ptr addrspace(1) %p
  %s = fmul float %v, %scale
  %e = call afn float @llvm.exp2.f32(float %s)
  store float %e, ptr addrspace(1) %p
  br label %done
done:
  ret void
}
)");
  ASSERT_EQ(test.failure, "");
  EXPECT_EQ(test.phases[0].waits, 0);
  constexpr int64_t n = 1000;
  test.program.kernels[0].launches = {{128, 0}};
  test.dispatch.tasks = {8};
  test.dispatch.sizes = {n};
  test.dispatch.values = {0.5f};
  test.operand(n * 4, true, true);
  test.make();
  std::vector<float> x = randomNumbers(n, 3);
  test.write(0, x);
  ASSERT_EQ(test.runFailure(), "");
  auto y = test.read<float>(0, n);
  int exact = 0;
  for (int64_t i = 0; i < n; ++i) {
    double want = std::exp2(x[i] * 0.5);
    ASSERT_LE(std::fabs(y[i] / want - 1), 0x1p-22);
    exact += y[i] == float(want);
  }
  // An approximate instruction is not exact.
  EXPECT_LT(exact, n * 9 / 10);
}

// One warp: A [16, 16] and B [16, 8] arrive in shared memory by cp.async.
static const char tile[] = R"(
@mixln_shared = external addrspace(3) global [0 x i8], align 128
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3), ptr addrspace(1))
declare void @llvm.nvvm.cp.async.commit.group()
declare void @llvm.nvvm.cp.async.wait.group(i32)
declare void @llvm.nvvm.bar.warp.sync(i32)
declare {i32, i32, i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3))
declare {i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3(ptr addrspace(3))
declare {float, float, float, float} @llvm.nvvm.mma.m16n8k16.row.col.bf16(i32, i32, i32, i32, i32, i32, float, float, float, float)

define ptx_kernel void @kernel(ptr addrspace(1) %a, ptr addrspace(1) %b, ptr addrspace(1) %d) {
entry:
  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %at = mul i32 %tid, 16
  %pa = getelementptr i8, ptr addrspace(1) %a, i32 %at
  %sa = getelementptr i8, ptr addrspace(3) @mixln_shared, i32 %at
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %sa, ptr addrspace(1) %pa)
  %half = icmp ult i32 %tid, 16
  br i1 %half, label %copy, label %go
copy:
  %pb = getelementptr i8, ptr addrspace(1) %b, i32 %at
  %sbase = getelementptr i8, ptr addrspace(3) @mixln_shared, i32 512
  %sb = getelementptr i8, ptr addrspace(3) %sbase, i32 %at
  call void @llvm.nvvm.cp.async.cg.shared.global.16(ptr addrspace(3) %sb, ptr addrspace(1) %pb)
  br label %go
go:
  call void @llvm.nvvm.cp.async.commit.group()
  call void @llvm.nvvm.cp.async.wait.group(i32 0)
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  ; rows 0-7, rows 8-15, then the same of columns 8-15
  %r = and i32 %tid, 15
  %c = lshr i32 %tid, 4
  %rb = mul i32 %r, 32
  %cb = mul i32 %c, 16
  %ao = add i32 %rb, %cb
  %la = getelementptr i8, ptr addrspace(3) @mixln_shared, i32 %ao
  %fa = call {i32, i32, i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3(ptr addrspace(3) %la)
  %bo = mul i32 %r, 16
  %bo2 = add i32 %bo, 512
  %lb = getelementptr i8, ptr addrspace(3) @mixln_shared, i32 %bo2
  %fb = call {i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3(ptr addrspace(3) %lb)
  %a0 = extractvalue {i32, i32, i32, i32} %fa, 0
  %a1 = extractvalue {i32, i32, i32, i32} %fa, 1
  %a2 = extractvalue {i32, i32, i32, i32} %fa, 2
  %a3 = extractvalue {i32, i32, i32, i32} %fa, 3
  %b0 = extractvalue {i32, i32} %fb, 0
  %b1 = extractvalue {i32, i32} %fb, 1
  %m = call {float, float, float, float} @llvm.nvvm.mma.m16n8k16.row.col.bf16(i32 %a0, i32 %a1, i32 %a2, i32 %a3, i32 %b0, i32 %b1, float 1.0, float 1.0, float 1.0, float 1.0)
  %d0 = extractvalue {float, float, float, float} %m, 0
  %d1 = extractvalue {float, float, float, float} %m, 1
  %d2 = extractvalue {float, float, float, float} %m, 2
  %d3 = extractvalue {float, float, float, float} %m, 3
  %g = lshr i32 %tid, 2
  %t = and i32 %tid, 3
  %g8 = mul i32 %g, 8
  %t2 = mul i32 %t, 2
  %o = add i32 %g8, %t2
  %p0 = getelementptr float, ptr addrspace(1) %d, i32 %o
  %v0 = insertelement <2 x float> poison, float %d0, i32 0
  %v1 = insertelement <2 x float> %v0, float %d1, i32 1
  store <2 x float> %v1, ptr addrspace(1) %p0, align 8
  %o8 = add i32 %o, 64
  %p8 = getelementptr float, ptr addrspace(1) %d, i32 %o8
  %w0 = insertelement <2 x float> poison, float %d2, i32 0
  %w1 = insertelement <2 x float> %w0, float %d3, i32 1
  store <2 x float> %w1, ptr addrspace(1) %p8, align 8
  ret void
}
)";

static std::vector<uint16_t> narrowed(const std::vector<float> &numbers) {
  std::vector<uint16_t> halves;
  for (float number : numbers)
    halves.push_back(toBFloat16(number));
  return halves;
}

TEST(Emulator, ATileOfTheTensorCores) {
  EmulatedProgram test(tile);
  ASSERT_EQ(test.failure, "");
  test.program.kernels[0].launches = {{32, 768}};
  test.operand(512, true, false);
  test.operand(256, true, false);
  test.operand(512, false, true);
  std::vector<uint16_t> a = narrowed(randomNumbers(256, 4)),
                        b = narrowed(randomNumbers(128, 5));
  for (uint64_t seed : {1, 2, 3}) {
    test.make(seed);
    test.write(0, a);
    test.write(1, b);
    ASSERT_EQ(test.runFailure(), "");
    auto d = test.read<float>(2, 128);
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 8; ++j) {
        double want = 1;
        for (int k = 0; k < 16; ++k)
          want +=
              double(fromBFloat16(a[i * 16 + k])) * fromBFloat16(b[k * 8 + j]);
        ASSERT_NEAR(d[i * 8 + j], want, 1e-5) << i << ' ' << j;
      }
  }
}

TEST(Emulator, ACopyThatIsNotWaitedForHasNotArrived) {
  std::string text = tile;
  const std::string wait =
      "  call void @llvm.nvvm.cp.async.wait.group(i32 0)\n";
  text.erase(text.find(wait), wait.size());
  EmulatedProgram test(text);
  test.program.kernels[0].launches = {{32, 768}};
  test.operand(512, true, false);
  test.operand(256, true, false);
  test.operand(512, false, true);
  test.make();
  ASSERT_EQ(test.runFailure(), "");
  EXPECT_TRUE(std::isnan(test.read<float>(2, 1)[0]));
}

TEST(Emulator, ATileWithoutItsWarpBarrierIsFound) {
  std::string text = tile;
  const std::string sync = "  call void @llvm.nvvm.bar.warp.sync(i32 -1)\n";
  text.erase(text.find(sync), sync.size());
  EmulatedProgram test(text);
  test.program.kernels[0].launches = {{32, 768}};
  test.operand(512, true, false);
  test.operand(256, true, false);
  test.operand(512, false, true);
  test.make();
  EXPECT_THAT(test.runFailure(), HasSubstr("with no barrier between them"));
}

TEST(Emulator, AnIntrinsicThatItDoesNotHaveIsNamed) {
  EmulatedProgram test(R"(
declare void @llvm.nvvm.barrier.cluster.arrive()
define ptx_kernel void @kernel(ptr addrspace(1) %x) {
  call void @llvm.nvvm.barrier.cluster.arrive()
  ret void
}
)");
  EXPECT_EQ(test.failure,
            "the emulator has no llvm.nvvm.barrier.cluster.arrive,"
            " which kernel calls");
}
