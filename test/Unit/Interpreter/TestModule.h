//===- TestModule.h - Parses the IR of a test -------------------*- C++ -*-===//

#ifndef MIXLN_TEST_INTERPRETER_TESTMODULE_H
#define MIXLN_TEST_INTERPRETER_TESTMODULE_H

#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <random>

namespace mixln {

/// A parsed module and the errors that were reported on it.
struct TestModule {
  explicit TestModule(llvm::StringRef text) {
    context.loadDialect<MixlnDialect, mlir::arith::ArithDialect,
                        mlir::math::MathDialect, mlir::tensor::TensorDialect,
                        mlir::vector::VectorDialect>();
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << errors;
  }

  /// The first operation of type T, at any depth.
  template <typename T> T find() {
    T found;
    module->walk([&](T op) {
      if (!found)
        found = op;
    });
    return found;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string errors;
};

inline Array randomArray(std::mt19937 &random, llvm::ArrayRef<int64_t> shape) {
  Array array = Array::undefined(shape);
  std::normal_distribution<double> normal;
  for (double &element : array.data)
    element = normal(random);
  return array;
}

} // namespace mixln

#endif // MIXLN_TEST_INTERPRETER_TESTMODULE_H
