//===- RowBuilders.h - Arithmetic on rows -----------------------*- C++ -*-===//
//
// Builds the bodies of row programs. A value is a row (`vector<Nxf32>`) or a
// number (`f32`); where the two meet, the number is broadcast. Formulas, the
// derivative table and the optimizers all write their arithmetic with this.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_IR_ROWBUILDERS_H
#define MIXLN_IR_ROWBUILDERS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mixln {

class RowBuilder {
public:
  RowBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  /// A number, as `f32`, or as a row where `like` is one.
  mlir::Value constant(double value, mlir::Type like = {});

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value pow(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value neg(mlir::Value a);
  mlir::Value sqrt(mlir::Value a);
  mlir::Value rsqrt(mlir::Value a);
  mlir::Value exp(mlir::Value a);
  mlir::Value log(mlir::Value a);
  mlir::Value tanh(mlir::Value a);
  mlir::Value erf(mlir::Value a);
  mlir::Value abs(mlir::Value a);
  /// 1 / (1 + exp(-a)).
  mlir::Value sigmoid(mlir::Value a);
  mlir::Value stopGradient(mlir::Value a);

  /// Reductions of a row to a number; a number is its own.
  mlir::Value sum(mlir::Value a);
  mlir::Value maxOf(mlir::Value a);
  mlir::Value mean(mlir::Value a);

  /// `condition ? a : b`, each a row or a number.
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  /// i1 (or a row of them): a > b.
  mlir::Value greater(mlir::Value a, mlir::Value b);
  /// A row of i1 of `width` that is true where the column equals `index` (i32).
  mlir::Value isColumn(mlir::Value index, int64_t width);

  /// `value` as `type`: broadcast, or summed up where a row must become a
  /// number (the derivative of a broadcast).
  mlir::Value broadcast(mlir::Value value, mlir::Type type);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  /// Gives a and b the same type by broadcasting.
  void unify(mlir::Value &a, mlir::Value &b);
};

} // namespace mixln

#endif // MIXLN_IR_ROWBUILDERS_H
