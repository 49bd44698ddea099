//===- TensorOpsTest.cpp - Backward of every tensor operation -------------===//

#include "GradientCheck.h"

#include <fstream>
#include <sstream>

using namespace mixln;

namespace {

/// A parameter `@name : tensor<SHAPExf32>` loaded as %name.
struct Parameter {
  std::string name, shape;
};
/// A value of shape MxN that `body` computes.
struct Result {
  std::string name;
  int64_t rows, columns;
};

/// An entry whose loss depends on every element of `results` differently.
std::string moduleOf(const std::vector<Parameter> &parameters,
                     const std::string &body,
                     const std::vector<Result> &results,
                     const std::string &variables = "") {
  std::ostringstream out;
  out << variables << "mixln.variable @loss_sum : tensor<1xf32> output\n";
  for (const Parameter &p : parameters)
    out << "mixln.variable @" << p.name << " : tensor<" << p.shape
        << "xf32> parameter\n";
  for (const Result &r : results)
    out << "mixln.variable @weights_" << r.name << " : tensor<" << r.rows << "x"
        << r.columns << "xf32> input\n";
  out << "mixln.entry @loss {\n";
  for (const Parameter &p : parameters)
    out << "%" << p.name << " = mixln.load @" << p.name << " : tensor<"
        << p.shape << "xf32>\n";
  out << body << "\n";
  std::string previous;
  for (const Result &r : results) {
    std::string type = "tensor<" + std::to_string(r.rows) + "x" +
                       std::to_string(r.columns) + "xf32>";
    std::string row = "vector<" + std::to_string(r.columns) + "xf32>";
    out << "%weights_" << r.name << " = mixln.load @weights_" << r.name << " : "
        << type << "\n";
    out << "%loss_" << r.name << " = mixln.rowwise [" << r.rows << "] rows(%"
        << r.name << ", %weights_" << r.name << " : " << type << ", " << type
        << ")" << previous << " -> sums(tensor<1xf32>) {\n^bb0(%value: " << row
        << ", %weight: " << row << "):\n%0 = math.tanh %value : " << row
        << "\n%1 = arith.mulf %0, %weight : " << row
        << "\n%2 = vector.reduction <add>, %1 : " << row
        << " into f32\nmixln.yield sums(%2 : f32)\n}\n";
    previous = " into(0: %loss_" + r.name + " : tensor<1xf32>)";
  }
  out << "mixln.store %loss_" << results.back().name
      << ", @loss_sum : tensor<1xf32>\n}\n";
  return out.str();
}

void expectGradients(const std::string &text) {
  GradientCheck check(text);
  ASSERT_TRUE(check.isReady()) << check.errors << text;
  for (unsigned seed : {1, 2}) {
    check.randomize(seed);
    check.expectGradients();
  }
}

//===----------------------------------------------------------------------===//
// Matmul
//===----------------------------------------------------------------------===//

/// "tensor<MxNxf32>" or transposed.
std::string matrix(int64_t m, int64_t n, bool transposed) {
  if (transposed)
    std::swap(m, n);
  return std::to_string(m) + "x" + std::to_string(n);
}

class Transposes : public testing::TestWithParam<std::tuple<bool, bool>> {
protected:
  std::string flags() const {
    auto [a, b] = GetParam();
    return std::string(a ? " transpose_lhs" : "") + (b ? " transpose_rhs" : "");
  }
  std::string lhs(int64_t m, int64_t k) const {
    return matrix(m, k, std::get<0>(GetParam()));
  }
  std::string rhs(int64_t k, int64_t n) const {
    return matrix(k, n, std::get<1>(GetParam()));
  }
};

TEST_P(Transposes, OneProduct) {
  expectGradients(moduleOf({{"a", lhs(3, 4)}, {"b", rhs(4, 5)}},
                           "%c = mixln.matmul lhs(%a : tensor<" + lhs(3, 4) +
                               "xf32>) rhs(%b : tensor<" + rhs(4, 5) +
                               "xf32>)" + flags() + " -> tensor<3x5xf32>",
                           {{"c", 3, 5}}));
}

/// One left side for all products; one of them has no cotangent.
TEST_P(Transposes, SharedLeftSide) {
  expectGradients(moduleOf(
      {{"a", lhs(3, 4)}, {"b", rhs(4, 5)}, {"d", rhs(4, 2)}, {"e", rhs(4, 3)}},
      "%c, %f, %unused = mixln.matmul lhs(%a : tensor<" + lhs(3, 4) +
          "xf32>) rhs(%b, %d, %e : tensor<" + rhs(4, 5) + "xf32>, tensor<" +
          rhs(4, 2) + "xf32>, tensor<" + rhs(4, 3) + "xf32>)" + flags() +
          " -> tensor<3x5xf32>, tensor<3x2xf32>, tensor<3x3xf32>",
      {{"c", 3, 5}, {"f", 3, 2}}));
}

TEST_P(Transposes, SharedRightSide) {
  expectGradients(moduleOf(
      {{"a", lhs(3, 4)}, {"b", lhs(3, 4)}, {"d", rhs(4, 5)}},
      "%c, %f = mixln.matmul lhs(%a, %b : tensor<" + lhs(3, 4) +
          "xf32>, tensor<" + lhs(3, 4) + "xf32>) rhs(%d : tensor<" + rhs(4, 5) +
          "xf32>)" + flags() + " -> tensor<3x5xf32>, tensor<3x5xf32>",
      {{"c", 3, 5}, {"f", 3, 5}}));
}

/// Products over inner sums of different lengths, added up into a value.
TEST_P(Transposes, ReduceIntoAValue) {
  expectGradients(moduleOf(
      {{"a", lhs(3, 4)},
       {"b", lhs(3, 2)},
       {"d", rhs(4, 5)},
       {"e", rhs(2, 5)},
       {"o", "3x5"}},
      "%c = mixln.matmul lhs(%a, %b : tensor<" + lhs(3, 4) + "xf32>, tensor<" +
          lhs(3, 2) + "xf32>) rhs(%d, %e : tensor<" + rhs(4, 5) +
          "xf32>, tensor<" + rhs(2, 5) + "xf32>) into(%o : tensor<3x5xf32>)" +
          flags() + " reduce -> tensor<3x5xf32>",
      {{"c", 3, 5}}));
}

TEST_P(Transposes, ReduceWithASharedSide) {
  expectGradients(moduleOf(
      {{"a", lhs(3, 4)}, {"d", rhs(4, 5)}, {"e", rhs(4, 5)}},
      "%c = mixln.matmul lhs(%a : tensor<" + lhs(3, 4) +
          "xf32>) rhs(%d, %e : tensor<" + rhs(4, 5) + "xf32>, tensor<" +
          rhs(4, 5) + "xf32>)" + flags() + " reduce -> tensor<3x5xf32>",
      {{"c", 3, 5}}));
}

INSTANTIATE_TEST_SUITE_P(Matmul, Transposes,
                         testing::Combine(testing::Bool(), testing::Bool()));

TEST(TensorOps, PackedRightSide) {
  expectGradients(moduleOf({{"a", "3x4"}, {"b", "5x4"}},
                           R"(%p = mixln.pack %b : tensor<5x4xf32>
             -> tensor<5x4xf32, #mixln.packed<transposed>>
         %c = mixln.matmul lhs(%a : tensor<3x4xf32>)
             rhs(%p : tensor<5x4xf32, #mixln.packed<transposed>>)
             transpose_rhs -> tensor<3x5xf32>)",
                           {{"c", 3, 5}}));
}

/// Two products of one matrix: the second starts from the first's gradient.
TEST(TensorOps, AParameterUsedTwice) {
  expectGradients(moduleOf(
      {{"a", "3x4"}, {"b", "4x4"}},
      R"(%c = mixln.matmul lhs(%a : tensor<3x4xf32>) rhs(%b : tensor<4x4xf32>)
             -> tensor<3x4xf32>
         %again = mixln.load @b : tensor<4x4xf32>
         %d = mixln.matmul lhs(%c : tensor<3x4xf32>)
             rhs(%again : tensor<4x4xf32>) -> tensor<3x4xf32>)",
      {{"d", 3, 4}}));
}

//===----------------------------------------------------------------------===//
// Row programs: maps, sums, several results
//===----------------------------------------------------------------------===//

TEST(TensorOps, RowsAndSumsTogether) {
  expectGradients(
      moduleOf({{"x", "3x4"}, {"g", "4"}, {"s", "1"}, {"o", "4"}},
               R"(%r, %t = mixln.rowwise [3] rows(%x : tensor<3x4xf32>)
             shared(%g, %s : tensor<4xf32>, tensor<1xf32>) values(0.5)
             into(0: %o : tensor<4xf32>)
             -> rows(tensor<3x4xf32>) sums(tensor<4xf32>) {
         ^bb0(%a: vector<4xf32>, %w: vector<4xf32>, %n: f32, %v: f32):
           %0 = arith.mulf %n, %v : f32
           %1 = vector.broadcast %0 : f32 to vector<4xf32>
           %2 = arith.mulf %a, %1 : vector<4xf32>
           %3 = arith.mulf %a, %w : vector<4xf32>
           mixln.yield rows(%2 : vector<4xf32>) sums(%3 : vector<4xf32>)
         }
         %u = tensor.expand_shape %t [[0, 1]] output_shape [1, 4]
             : tensor<4xf32> into tensor<1x4xf32>)",
               {{"r", 3, 4}, {"u", 1, 4}}));
}

/// Numbers per row, per head, per (row, head), one for all, and sums that keep
/// the head, on a domain of heads.
TEST(TensorOps, Heads) {
  expectGradients(moduleOf(
      {{"x", "3x2x4"}, {"h", "2"}, {"k", "2x4"}, {"p", "3x2"}, {"q", "4"}},
      R"(%r3, %t, %n = mixln.rowwise [3, 2]
             rows(%x, %h, %k, %p, %q : tensor<3x2x4xf32>,
                  tensor<2xf32> by (d0, d1) -> (d1),
                  tensor<2x4xf32> by (d0, d1) -> (d1), tensor<3x2xf32>,
                  tensor<4xf32> by (d0, d1) -> ())
             -> rows(tensor<3x2x4xf32>)
                sums(tensor<2x4xf32> by (d0, d1) -> (d1),
                     tensor<2xf32> by (d0, d1) -> (d1)) {
         ^bb0(%a: vector<4xf32>, %b: f32, %c: vector<4xf32>, %d: f32,
              %e: vector<4xf32>):
           %0 = vector.broadcast %b : f32 to vector<4xf32>
           %1 = arith.mulf %a, %0 : vector<4xf32>
           %2 = arith.mulf %1, %c : vector<4xf32>
           %3 = vector.broadcast %d : f32 to vector<4xf32>
           %4 = arith.mulf %2, %3 : vector<4xf32>
           %5 = arith.mulf %4, %e : vector<4xf32>
           %6 = math.exp %1 : vector<4xf32>
           %7 = vector.reduction <add>, %5 : vector<4xf32> into f32
           %8 = arith.mulf %7, %d : f32
           mixln.yield rows(%5 : vector<4xf32>)
               sums(%6, %8 : vector<4xf32>, f32)
         }
         %r = tensor.collapse_shape %r3 [[0], [1, 2]]
             : tensor<3x2x4xf32> into tensor<3x8xf32>
         %m = tensor.expand_shape %n [[0, 1]] output_shape [1, 2]
             : tensor<2xf32> into tensor<1x2xf32>)",
      {{"r", 3, 8}, {"t", 2, 4}, {"m", 1, 2}}));
}

/// A row's own cotangent passes through a sum: both terms have the same one.
TEST(TensorOps, ResidualSum) {
  expectGradients(moduleOf(
      {{"x", "3x4"}, {"y", "3x4"}},
      R"(%r = mixln.rowwise [3] rows(%x, %y : tensor<3x4xf32>, tensor<3x4xf32>)
             -> rows(tensor<3x4xf32>) {
         ^bb0(%a: vector<4xf32>, %b: vector<4xf32>):
           %0 = arith.addf %a, %b : vector<4xf32>
           mixln.yield rows(%0 : vector<4xf32>)
         }
         %u = mixln.rowwise [3] rows(%r, %x : tensor<3x4xf32>, tensor<3x4xf32>)
             -> rows(tensor<3x4xf32>) {
         ^bb0(%a: vector<4xf32>, %b: vector<4xf32>):
           %0 = arith.mulf %a, %b : vector<4xf32>
           mixln.yield rows(%0 : vector<4xf32>)
         })",
      {{"r", 3, 4}, {"u", 3, 4}}));
}

//===----------------------------------------------------------------------===//
// Shapes, attention, embedding
//===----------------------------------------------------------------------===//

TEST(TensorOps, SlicesAndConcatenations) {
  expectGradients(moduleOf({{"x", "5x4"}, {"y", "2x4"}},
                           R"(%s = tensor.extract_slice %x[1, 0] [3, 4] [1, 1]
             : tensor<5x4xf32> to tensor<3x4xf32>
         %r = tensor.concat dim(0) %s, %y, %s
             : (tensor<3x4xf32>, tensor<2x4xf32>, tensor<3x4xf32>)
             -> tensor<8x4xf32>
         %t = tensor.extract_slice %x[0, 0] [2, 4] [1, 1]
             : tensor<5x4xf32> to tensor<2x4xf32>)",
                           {{"r", 8, 4}, {"t", 2, 4}}));
}

TEST(TensorOps, AttentionWithGroupedHeads) {
  expectGradients(moduleOf({{"q", "6x16"}, {"k", "6x8"}, {"v", "6x8"}},
                           R"(%cos = mixln.load @cos : tensor<3x2xf32>
         %sin = mixln.load @sin : tensor<3x2xf32>
         %c, %lse = mixln.attention %q, %k, %v, %cos, %sin {heads = 4 : i64}
             : tensor<6x16xf32>, tensor<6x8xf32>, tensor<6x8xf32>,
               tensor<3x2xf32>, tensor<3x2xf32>
             -> tensor<6x16xf32>, tensor<6x4xf32>)",
                           {{"c", 6, 16}},
                           "mixln.variable @cos : tensor<3x2xf32> constant\n"
                           "mixln.variable @sin : tensor<3x2xf32> constant\n"));
}

TEST(TensorOps, AttentionWithAScale) {
  expectGradients(moduleOf({{"q", "6x8"}, {"k", "6x8"}, {"v", "6x8"}},
                           R"(%cos = mixln.load @cos : tensor<3x2xf32>
         %sin = mixln.load @sin : tensor<3x2xf32>
         %c, %lse = mixln.attention %q, %k, %v, %cos, %sin
             {heads = 2 : i64, scale = 1.75 : f64}
             : tensor<6x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>,
               tensor<3x2xf32>, tensor<3x2xf32>
             -> tensor<6x8xf32>, tensor<6x2xf32>)",
                           {{"c", 6, 8}},
                           "mixln.variable @cos : tensor<3x2xf32> constant\n"
                           "mixln.variable @sin : tensor<3x2xf32> constant\n"));
}

//===----------------------------------------------------------------------===//
// A whole model
//===----------------------------------------------------------------------===//

std::string readModel() {
  std::ifstream file(std::string(MIXLN_TEST_INPUTS) + "/model.mlir");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void setBatch(GradientCheck &check) {
  check.set("input_ids", Array{{8}, {3, 1, 3, 9, 1, 3, 0, 4}});
  check.set("token_order", Array{{8}, {6, 1, 4, 0, 2, 5, 7, 3}});
  check.set("segment_starts", Array{{9}, {0, 1, 3, 6, 7, 8, 8, 8, 8}});
  check.set("targets", Array{{8}, {1, 3, 9, -100, 3, 0, 4, -100}});
}

TEST(Model, GradientsAgreeWithCentralDifferences) {
  GradientCheck check(readModel());
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(7);
  setBatch(check);
  check.expectGradients();
}

/// gradient_add adds to what is stored; its loss is that of its own batch.
TEST(Model, GradientAddAccumulates) {
  GradientCheck check(readModel());
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(8);
  setBatch(check);
  check.run("gradient");
  double loss = check.get("loss_sum").data[0];
  std::map<std::string, Array> once;
  for (const std::string &name : check.getParameters())
    once[name] = check.get("grad." + name);
  check.run("gradient_add");
  EXPECT_EQ(check.get("loss_sum").data[0], loss);
  for (auto &[name, grad] : once) {
    for (double &element : grad.data)
      element *= 2;
    double error = relativeError(check.get("grad." + name), grad);
    EXPECT_TRUE(error <= 1e-12) << name << " is off by " << error;
  }
}

/// A measured step has the same gradients and its measurements.
TEST(Model, MeasuredGradientIsTheSame) {
  GradientCheck check(readModel());
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(9);
  setBatch(check);
  check.run("gradient");
  std::map<std::string, Array> plain;
  for (const std::string &name : check.getParameters())
    plain[name] = check.get("grad." + name);
  EXPECT_TRUE(std::isnan(check.get("stream_rms").data[0]));
  check.run("gradient.measured");
  EXPECT_FALSE(std::isnan(check.get("stream_rms").data[0]));
  for (auto &[name, grad] : plain)
    EXPECT_EQ(check.get("grad." + name).data, grad.data) << name;
}

/// Accumulation where one matrix has two uses, where a parameter has none, and
/// where two parameters have the same gradient.
TEST(TensorOps, AccumulationInEveryShape) {
  GradientCheck check(moduleOf(
      {{"a", "3x4"},
       {"b", "4x4"},
       {"x", "3x4"},
       {"y", "3x4"},
       {"g", "4"},
       {"unused", "4"},
       {"unusedMatrix", "2x3"}},
      R"(%c = mixln.matmul lhs(%a : tensor<3x4xf32>) rhs(%b : tensor<4x4xf32>)
             -> tensor<3x4xf32>
         %d = mixln.matmul lhs(%c : tensor<3x4xf32>)
             rhs(%b : tensor<4x4xf32>) -> tensor<3x4xf32>
         %e = mixln.rowwise [3] rows(%x, %y, %d : tensor<3x4xf32>,
               tensor<3x4xf32>, tensor<3x4xf32>) shared(%g : tensor<4xf32>)
             -> rows(tensor<3x4xf32>) {
         ^bb0(%0: vector<4xf32>, %1: vector<4xf32>, %2: vector<4xf32>,
              %w: vector<4xf32>):
           %3 = arith.addf %0, %1 : vector<4xf32>
           %4 = arith.mulf %2, %w : vector<4xf32>
           %5 = arith.addf %3, %4 : vector<4xf32>
           mixln.yield rows(%5 : vector<4xf32>)
         }
         %f = mixln.rowwise [3] rows(%d : tensor<3x4xf32>)
             shared(%g : tensor<4xf32>) -> rows(tensor<3x4xf32>) {
         ^bb0(%2: vector<4xf32>, %w: vector<4xf32>):
           %5 = arith.addf %2, %w : vector<4xf32>
           mixln.yield rows(%5 : vector<4xf32>)
         })",
      {{"e", 3, 4}, {"f", 3, 4}}));
  ASSERT_TRUE(check.isReady()) << check.errors;
  check.randomize(3);
  check.expectGradients();
  std::map<std::string, Array> once;
  for (const std::string &name : check.getParameters())
    once[name] = check.get("grad." + name);
  check.run("gradient_add");
  for (auto &[name, grad] : once) {
    for (double &element : grad.data)
      element *= 2;
    double error = relativeError(check.get("grad." + name), grad);
    EXPECT_TRUE(error <= 1e-12) << name << " is off by " << error;
  }
}

} // namespace
