//===- PlanTableTest.cpp - From a planned module to a program -------------===//

#include "RandomEntry.h"

#include "mixln/Target/PlanTable.h"
#include "mixln/Target/PrintPlan.h"
#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mixln;

static const char *const kModule = R"mlir(
module attributes {
    mixln.config = {batch_size = 2 : i64, seq_len = 4 : i64, vocab_size = 8 : i64,
                    hidden_size = 16 : i64, num_hidden_layers = 3 : i64},
    mixln.config_json = "{}", mixln.norm = "post_pre:1"} {
  mixln.variable @x : tensor<128x16xf32> input
  mixln.variable @embed : tensor<8x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "embed"}
  mixln.variable @gain : tensor<16xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain", lr_mult = 0.5, decay = false}
  mixln.variable @grad.gain : tensor<16xf32> gradient of @gain
  mixln.variable @cos : tensor<4x8xf32> constant init = #mixln.init<rope_cos 10000.0>
  mixln.variable @ids : tensor<8xi32> input
  mixln.entry @gradient {
    %x = mixln.load @x : tensor<128x16xf32>
    %g = mixln.load @gain : tensor<16xf32>
    %s = mixln.rowwise [128] rows(%x : tensor<128x16xf32>) shared(%g : tensor<16xf32>) values(0.1) -> sums(tensor<16xf32>) attributes {mixln.site = "layers.2.mlp.gain", mixln.layer = 2 : i64} {
    ^bb0(%a: vector<16xf32>, %w: vector<16xf32>, %c: f32):
      %0 = arith.mulf %a, %w : vector<16xf32>
      mixln.yield sums(%0 : vector<16xf32>)
    }
    mixln.store %s, @grad.gain : tensor<16xf32>
  }
}
)mlir";

namespace {
struct PlanTable : testing::Test {
  PlanTable() : context(MLIRContext::Threading::DISABLED) {
    test::loadDialects(context);
    module = parseSourceString<ModuleOp>(kModule, &context);
  }

  FailureOr<rt::Program> build() {
    if (failed(planMemory(*module, kernels)) ||
        failed(formDispatches(*module, kernels)))
      return failure();
    KernelPhases phases;
    for (auto kernel : module->getOps<KernelOp>()) {
      SmallVector<std::string> symbols;
      if (failed(kernels.emitKernel(kernel.getPrototype(), kernel.getSymName(),
                                    *module, symbols)))
        return failure();
      phases[kernel.getSymName()] = symbols;
    }
    return buildProgram(*module, kernels, phases,
                        {"0.1.0", "cpu", "znver5", {"avx2"}, ""});
  }

  MLIRContext context;
  ReferenceKernels kernels;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(PlanTable, TensorsKeepWhatVariablesSay) {
  FailureOr<rt::Program> program = build();
  ASSERT_TRUE(succeeded(program));
  ASSERT_EQ(program->tensors.size(), 6u);
  const rt::Tensor &embed = program->tensors[1], &gain = program->tensors[2];
  EXPECT_EQ(embed.role, rt::Role::Parameter);
  EXPECT_EQ(embed.init.kind, rt::InitKind::Normal);
  EXPECT_EQ(embed.init.value, 0.02);
  EXPECT_EQ(embed.shape, (std::vector<int64_t>{8, 16}));
  EXPECT_EQ(gain.parameterClass, "gain");
  EXPECT_EQ(gain.lrMultiplier, 0.5);
  EXPECT_FALSE(gain.decay);
  EXPECT_EQ(program->tensors[3].of, "gain");
  EXPECT_EQ(program->tensors[4].init.kind, rt::InitKind::RopeCos);
  EXPECT_EQ(program->tensors[5].type, rt::ElementType::I32);
  EXPECT_EQ(program->batchSize, 2);
  EXPECT_EQ(program->numLayers, 3);
  EXPECT_EQ(program->norm, "post_pre:1");
  EXPECT_EQ(program->dtype, "fp32");
  EXPECT_EQ(program->flopsPerToken, 6.0 * 16 + 12 * 3 * 16 * 4 / 2);
}

TEST_F(PlanTable, OperandsAreReadsWritesWorkspace) {
  FailureOr<rt::Program> program = build();
  ASSERT_TRUE(succeeded(program));
  ASSERT_EQ(program->entries.size(), 1u);
  ASSERT_EQ(program->entries[0].dispatches.size(), 1u);
  const rt::Dispatch &dispatch = program->entries[0].dispatches[0];
  const rt::Kernel &kernel = program->kernels[dispatch.kernel];
  EXPECT_EQ(kernel.phases.size(), 2u);
  EXPECT_EQ(dispatch.tasks, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(dispatch.values, (std::vector<float>{0.1f}));
  EXPECT_EQ(dispatch.layer, 2);
  EXPECT_EQ(dispatch.site, "layers.2.mlp.gain");
  EXPECT_EQ(dispatch.flops, 128 * (16 + 16));
  ASSERT_EQ(dispatch.operands.size(), 4u);
  EXPECT_EQ(dispatch.operands[0].bytes, 128 * 16 * 4);
  EXPECT_TRUE(dispatch.operands[1].reads);
  EXPECT_FALSE(dispatch.operands[1].writes);
  EXPECT_EQ(dispatch.operands[2].offset, program->tensors[3].offset);
  EXPECT_TRUE(dispatch.operands[2].writes);
  EXPECT_EQ(dispatch.operands[3].bytes, 2 * 16 * 4);
  EXPECT_LE(dispatch.operands[3].offset + dispatch.operands[3].bytes,
            program->arenaBytes);
}

TEST_F(PlanTable, AKernelWithoutCodeIsAnError) {
  ASSERT_TRUE(succeeded(planMemory(*module, kernels)));
  ASSERT_TRUE(succeeded(formDispatches(*module, kernels)));
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(buildProgram(*module, kernels, {}, {})));
  EXPECT_NE(message.find("has no code"), std::string::npos) << message;
}

TEST_F(PlanTable, ThePlanIsReadable) {
  FailureOr<rt::Program> program = build();
  ASSERT_TRUE(succeeded(program));
  std::string text;
  llvm::raw_string_ostream os(text);
  printPlan(*program, os);
  for (const char *part :
       {"arena: ", "parameters", "kernels: 1", "entry gradient: 1 dispatches",
        "tasks 2/1", "layers.2.mlp.gain"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}
