//===- FormulaTest.cpp - Values and errors of formulas --------------------===//

#include "mixln/Frontend/Formula.h"
#include "mixln/Frontend/FormulaLowering.h"
#include "mixln/IR/Mixln.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mixln;

static const Constants constants = {{"i", 2}, {"s", 1},   {"L", 12},
                                    {"K", 3}, {"n", 512}, {"eps", 1e-6}};

static double valueOf(StringRef text) {
  std::string error;
  FailureOr<Formula> formula = parseFormula(text, "test", error);
  EXPECT_TRUE(succeeded(formula)) << error;
  if (failed(formula))
    return NAN;
  FailureOr<double> value = evaluateFormula(*formula, constants, error);
  EXPECT_TRUE(succeeded(value)) << error;
  return succeeded(value) ? *value : NAN;
}

TEST(Formula, Values) {
  const std::pair<const char *, double> cases[] = {
      {"1 + 2*3", 7},
      {"(1 + 2)*3", 9},
      {"2^3^2", 512}, // right associative
      {"-2^2", -4},   // the power binds tighter than the sign
      {"2^-1", 0.5},
      {"8/4/2", 1},
      {"7 - 2 - 1", 4},
      {"1/sqrt(i + 1)", 1 / std::sqrt(3.0)},
      {"(8*L)^-0.25", std::pow(96.0, -0.25)},
      {"sqrt(log(2*L))", std::sqrt(std::log(24.0))},
      {"(i + 1) % 4", 3},
      {"max(i, K)", 3},
      {"min(i, K)", 2},
      {"abs(-3) + exp(0) + tanh(0) + erf(0)", 4},
      {"sigmoid(0)", 0.5},
      {"silu(1)", 1 / (1 + std::exp(-1.0))},
      {"rsqrt(4)", 0.5},
      {"1e-3*1E3 + .5", 1.5},
      {"i < K and s == 1", 1},
      {"not i < K or L % 5 != 2", 0},
      {"i >= 2 and i <= 2 and not (K > 3)", 1},
  };
  for (const auto &[text, expected] : cases)
    EXPECT_DOUBLE_EQ(valueOf(text), expected) << text;
}

TEST(Formula, SyntaxErrorsPointAtTheColumn) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "column 1: found end of the formula, expected"},
      {"1 +", "column 4: found end of the formula"},
      {"(1 + 2", "column 7: found end of the formula, expected ')' for the '(' "
                 "of column 1"},
      {"1 2", "column 3: unexpected '2'"},
      {"sqrt(1", "'(' of column 5 is not closed"},
      {"a ? b", "column 3: unexpected '?'"},
      {"rms.(x)", "column 5: found '(', expected the name of a norm site"},
      {"rms.q + 1", "column 7: found '+' after 'rms.q', expected '('"},
      {"1e999", "column 1: '1e999' is not a number"},
  };
  for (const auto &[text, expected] : cases) {
    std::string error;
    EXPECT_TRUE(failed(parseFormula(text, "place", error))) << text;
    EXPECT_NE(error.find(expected), std::string::npos)
        << text << " gave: " << error;
    EXPECT_EQ(error.rfind("place: ", 0), 0u) << error;
  }
}

TEST(Formula, DeepAndLongFormulasAreRefused) {
  std::string error;
  for (const std::string &text :
       {std::string(500, '(') + "1" + std::string(500, ')'),
        std::string(3000, '-') + "1", std::string(9000, '1')})
    EXPECT_TRUE(failed(parseFormula(text, "place", error)));
  std::string chain = "x";
  for (int i = 0; i < 1500; ++i)
    chain += "^x";
  EXPECT_TRUE(failed(parseFormula(chain, "place", error)));
}

TEST(Formula, NamesAndTypesAreChecked) {
  FormulaNames names;
  names.names = {{"x", FormulaType::Row},
                 {"F", FormulaType::Row},
                 {"gain", FormulaType::Number},
                 {"i", FormulaType::Number},
                 {"L", FormulaType::Number}};
  names.kinds = {"norm", "rms"};
  const std::pair<const char *, const char *> cases[] = {
      {"x + gian*F", "column 5: unknown name 'gian' (did you mean 'gain'?)"},
      {"x + nrom(F)",
       "column 5: unknown function 'nrom' (did you mean 'norm'?)"},
      {"sum(gain)", "column 1: 'sum' needs a row, found a number"},
      {"norm(2)", "'norm' needs a row, found a number"},
      {"sqrt(x, F)", "'sqrt' has 2 arguments, expected 1"},
      {"max(x, F, gain)", "'max' has 3 arguments, expected 1 or 2"},
      {"x < F", "'<' needs numbers"},
      {"x % 2", "'%' needs numbers"},
      {"sqrt.a(x)", "'sqrt' is not a norm kind"},
      {"norm + x", "'norm' is a function"},
      {"x + (i < L)", "'+' needs numbers, found a condition"},
      {"i and L", "'and' needs conditions"},
      {"t*x", "coefficients that depend on the step"},
  };
  for (const auto &[text, expected] : cases) {
    std::string error;
    FailureOr<Formula> formula = parseFormula(text, "place", error);
    ASSERT_TRUE(succeeded(formula)) << error;
    EXPECT_TRUE(failed(checkFormula(*formula, names, error))) << text;
    EXPECT_NE(error.find(expected), std::string::npos)
        << text << " gave: " << error;
  }
}

TEST(Formula, ValuesThatAreNotFiniteAreRefused) {
  for (StringRef text : {"1/0", "log(0)", "(-1)^0.5", "1/(i - 2)"}) {
    std::string error;
    FailureOr<Formula> formula = parseFormula(text, "place", error);
    ASSERT_TRUE(succeeded(formula)) << error;
    EXPECT_TRUE(failed(evaluateFormula(*formula, constants, error)));
    EXPECT_NE(error.find("no finite value"), std::string::npos) << error;
  }
}

namespace {
/// A formula lowered on one row x of 8 columns.
class Lowered {
public:
  explicit Lowered(StringRef text) : builder(&context) {
    context.loadDialect<MixlnDialect, arith::ArithDialect, math::MathDialect,
                        vector::VectorDialect>();
    row = VectorType::get(8, builder.getF32Type());
    Location loc = builder.getUnknownLoc();
    Value x = block.addArgument(row, loc);
    builder.setInsertionPointToEnd(&block);
    RowBuilder rows(builder, loc);
    FormulaScope scope;
    scope.constants = {{"eps", 1e-6}, {"n", 8}};
    scope.layerConstants = {{"i", 3}};
    scope.lookup = [&](StringRef) { return x; };
    // The kind of every call squares its row.
    scope.norm = [&](const FormulaNode &, Value value, std::string &) {
      return rows.mul(value, value);
    };
    scope.immediate = [&](double value) -> Value {
      immediates.push_back(value);
      return block.addArgument(builder.getF32Type(), loc);
    };
    std::string error;
    FailureOr<Formula> formula = parseFormula(text, "test", error);
    EXPECT_TRUE(succeeded(formula)) << error;
    FailureOr<Value> value = lowerFormula(*formula, rows, row, scope, error);
    EXPECT_TRUE(succeeded(value)) << error;
    EXPECT_EQ(value->getType(), row);
  }

  template <typename Op> int count() {
    return llvm::range_size(block.getOps<Op>());
  }

  MLIRContext context;
  OpBuilder builder;
  Type row;
  Block block;
  SmallVector<double> immediates;
};
} // namespace

TEST(FormulaLowering, NumbersOfTheLayerAreImmediates) {
  Lowered lowered("x/sqrt(2*(i + 1)) + eps");
  ASSERT_EQ(lowered.immediates.size(), 1u);
  EXPECT_DOUBLE_EQ(lowered.immediates[0], 1 / std::sqrt(8.0));
  EXPECT_EQ(lowered.count<math::SqrtOp>(), 0);
  EXPECT_EQ(lowered.count<arith::DivFOp>(), 0);
}

TEST(FormulaLowering, PowersAreProductsAndRoots) {
  EXPECT_EQ(Lowered("x^4").count<arith::MulFOp>(), 2);
  EXPECT_EQ(Lowered("x^5").count<arith::MulFOp>(), 3);
  EXPECT_EQ(Lowered("x^0.5").count<math::SqrtOp>(), 1);
  EXPECT_EQ(Lowered("x^-2").count<arith::DivFOp>(), 1);
  EXPECT_EQ(Lowered("x^0.3").count<math::PowFOp>(), 1);
  EXPECT_EQ(Lowered("x^x").count<math::PowFOp>(), 1);
}

TEST(FormulaLowering, EqualSubformulasAreLoweredOnce) {
  Lowered lowered("(x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps)");
  EXPECT_EQ(lowered.count<vector::ReductionOp>(), 2);
  EXPECT_EQ(lowered.count<arith::SubFOp>(), 1);
}

TEST(FormulaLowering, AKindMayHaveTheNameOfAnOperator) {
  Lowered lowered("-x + neg(x)");
  EXPECT_EQ(lowered.count<arith::NegFOp>(), 1);
  EXPECT_EQ(lowered.count<arith::MulFOp>(), 1);
}

TEST(FormulaLowering, RowsAreDividedByNumbersOnce) {
  Lowered lowered("x / sqrt(sum(x*x))");
  for (auto div : lowered.block.getOps<arith::DivFOp>())
    EXPECT_TRUE(div.getType().isF32());
  EXPECT_EQ(lowered.count<arith::DivFOp>(), 1);
}

TEST(FormulaLowering, ReductionsAndPairsOfMaxAndMin) {
  EXPECT_EQ(Lowered("max(x)").count<vector::ReductionOp>(), 1);
  EXPECT_EQ(Lowered("max(x, 0)").count<arith::MaximumFOp>(), 1);
  EXPECT_EQ(Lowered("min(x)").count<vector::ReductionOp>(), 1);
  EXPECT_EQ(Lowered("min(x, 0)").count<arith::MinimumFOp>(), 1);
}
