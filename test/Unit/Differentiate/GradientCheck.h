//===- GradientCheck.h - Gradients against finite differences ---*- C++ -*-===//

#ifndef MIXLN_TEST_DIFFERENTIATE_GRADIENTCHECK_H
#define MIXLN_TEST_DIFFERENTIATE_GRADIENTCHECK_H

#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Interpreter.h"

#include "mlir/IR/OwningOpRef.h"

#include <gtest/gtest.h>
#include <random>

namespace mixln {

/// A module with an entry `loss`, as it stands and differentiated.
class GradientCheck {
public:
  /// `text` is a module; it is parsed and differentiated, errors fail the test.
  explicit GradientCheck(llvm::StringRef text);

  bool isReady() const { return forward && differentiated && errors.empty(); }

  /// The initial values of every variable that the host fills: normal for f32
  /// and, with `positive`, shifted away from zero. Integers are set by `set`.
  void randomize(unsigned seed, bool positive = false);
  void set(llvm::StringRef name, Array value);
  const Array &get(llvm::StringRef name) const;

  /// Runs an entry of the differentiated module on the values set; results are
  /// then read with `get`.
  void run(llvm::StringRef entry);

  /// The derivative of loss_scale * loss_sum with respect to a parameter, by
  /// central differences of the undifferentiated entry.
  Array numericGradient(llvm::StringRef parameter, double step = 1e-5);

  /// The difference between @grad.P and central differences along a random
  /// direction, relative to the norms of both. (A gradient below a thousandth
  /// of all gradients counts as one of that size: differences cannot see it.)
  /// For after a run of `gradient`.
  double directionalError(llvm::StringRef parameter, unsigned seed,
                          double step = 1e-5);

  /// Checks @grad.P of `gradient` for every parameter P.
  void expectGradients(double tolerance = 1e-6);

  std::vector<std::string> getParameters();

  std::string errors;

private:
  double evaluate(Interpreter &interpreter);
  /// An interpreter of the forward on the values set; `tape` records what
  /// stands behind stop_gradient at this point.
  std::unique_ptr<Interpreter> startForward(StopGradientTape &tape);
  /// loss_scale * the slope of the loss along `direction`.
  double slope(Interpreter &interpreter, StopGradientTape &tape,
               llvm::StringRef parameter, const Array &direction, double step);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> forward, differentiated;
  std::map<std::string, Array> values;
};

Array randomArray(std::mt19937 &random, llvm::ArrayRef<int64_t> shape,
                  bool positive = false);

} // namespace mixln

#endif // MIXLN_TEST_DIFFERENTIATE_GRADIENTCHECK_H
