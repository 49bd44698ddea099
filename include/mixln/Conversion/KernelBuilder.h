//===- KernelBuilder.h - Writes the code of CPU kernels ---------*- C++ -*-===//
//
// A builder of scalar and vector code on raw memory. The kernels of this
// folder are written with it: addresses are !llvm.ptr, extents i64, values f32
// or vectors of them, control flow is scf. Every address is that of an f32
// unless a function says otherwise; offsets count elements.
//
// A kernel phase is one function with the signature of rt::KernelFunction.
// Private functions (micro kernels, blocks) are emitted once a module, by
// name, and shared by all kernels of the module.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_CONVERSION_KERNELBUILDER_H
#define MIXLN_CONVERSION_KERNELBUILDER_H

#include "mixln/Support/TargetInfo.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mixln {

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;

  KernelBuilder(mlir::ModuleOp module, const TargetInfo &target);

  mlir::ModuleOp getModule() { return module; }
  const TargetInfo &getTarget() const { return target; }
  /// Lanes of one register.
  int64_t lanes() const { return target.lanes; }

  mlir::Type ptrType();
  mlir::VectorType vectorType() { return vectorType(lanes()); }
  mlir::VectorType vectorType(int64_t width);

  // Numbers.
  Value constant(int64_t value);
  Value constantF32(double value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value divide(Value a, Value b); ///< of numbers >= 0
  Value ceilDivide(Value a, int64_t b);
  Value minimum(Value a, Value b);
  Value maximum(Value a, Value b);
  Value less(Value a, Value b);
  Value equal(Value a, Value b);
  Value isTrue(Value flag); ///< flag != 0
  Value select(Value condition, Value a, Value b);

  // Memory.
  Value offset(Value ptr, Value elements);
  Value offset(Value ptr, int64_t elements);
  Value loadPtr(Value ptrs, int64_t index);
  Value loadI64(Value ptr, int64_t index);
  Value loadI32(Value ptr, Value index); ///< widened to i64
  Value loadF32(Value ptr);
  void storeF32(Value value, Value ptr);
  Value loadVector(Value ptr);
  void storeVector(Value value, Value ptr);
  /// Lanes whose mask is off are zero and their memory is not touched.
  Value loadVector(Value ptr, Value mask);
  void storeVector(Value value, Value ptr, Value mask);
  /// Into the first-level cache.
  void prefetch(Value ptr);

  // Vectors.
  Value zeroVector();
  Value broadcast(Value scalar);
  /// Lane i is on iff i < count; count may lie outside [0, lanes].
  Value maskFor(Value count);
  Value fma(Value a, Value b, Value c);
  Value addF(Value a, Value b);
  Value subF(Value a, Value b);
  Value mulF(Value a, Value b);
  Value divF(Value a, Value b);
  Value maxF(Value a, Value b);
  /// Combines the lanes of a vector, halves first.
  Value reduceLanes(Value vector,
                    llvm::function_ref<Value(Value, Value)> combine);
  Value sumLanes(Value vector);
  Value maxLanes(Value vector);
  /// Transposes a square of vectors held in registers.
  void transpose(llvm::SmallVectorImpl<Value> &rows);

  // Control flow.
  void loop(Value from, Value to, Value step,
            llvm::function_ref<void(Value)> body);
  void loop(Value from, Value to, int64_t step,
            llvm::function_ref<void(Value)> body);
  llvm::SmallVector<Value>
  loop(Value from, Value to, int64_t step, ValueRange init,
       llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then);
  void ifElse(Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise);

  // Functions.
  /// The function `name` of the module; `body` writes it if it is new. It is
  /// never inlined, so that its code exists once.
  mlir::LLVM::LLVMFuncOp
  privateFunction(llvm::StringRef name, llvm::ArrayRef<mlir::Type> arguments,
                  llvm::function_ref<void(ValueRange)> body);
  void call(mlir::LLVM::LLVMFuncOp callee, ValueRange arguments);

  struct Arguments {
    Value pointers, sizes, values, task, tasks, scratch;
  };
  /// Emits one phase of a kernel.
  void kernelFunction(llvm::StringRef symbol,
                      llvm::function_ref<void(Arguments)> body);

  /// Part `task` of `tasks` of [0, count), in order and as equal as possible.
  std::pair<Value, Value> partition(Value count, Value task, Value tasks);

private:
  mlir::LLVM::LLVMFuncOp function(llvm::StringRef name,
                                  llvm::ArrayRef<mlir::Type> arguments,
                                  llvm::function_ref<void(ValueRange)> body);

  mlir::ModuleOp module;
  const TargetInfo &target;
};

} // namespace mixln

#endif // MIXLN_CONVERSION_KERNELBUILDER_H
