//===- KernelBuilder.h - Writes the code of CPU kernels ---------*- C++ -*-===//
//
// A builder of scalar and vector code on raw memory. The kernels of this
// folder are written with it: addresses are !llvm.ptr, extents i64, values f32
// or vectors of them, control flow is scf. Every address is that of an f32
// unless a function says otherwise; offsets count elements.
//
// Products of bf16 are formed on words: 32 bits with two neighbours of the
// inner dimension, the first one low. A word travels as an f32, which moves,
// shuffles and masks leave alone, so that code for f32 carries words as well
// and only the product differs.
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

/// What a number is in memory; in registers it is an f32.
enum class Element { F32, BF16 };
inline int64_t elementBytes(Element element) {
  return element == Element::F32 ? 4 : 2;
}

/// Where a prefetch leaves a line.
enum class CacheLevel { L1, L2 };

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
  Value nullPtr();
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
  Value bitAnd(Value a, Value b);
  Value select(Value condition, Value a, Value b);

  // Memory.
  Value offset(Value ptr, Value elements, Element of = Element::F32);
  Value offset(Value ptr, int64_t elements, Element of = Element::F32);
  Value loadPtr(Value ptrs, int64_t index);
  Value loadI64(Value ptr, int64_t index);
  Value loadI32(Value ptr, Value index); ///< widened to i64
  Value loadF32(Value ptr);
  void storeF32(Value value, Value ptr);
  /// Lanes whose mask is off are zero and their memory is not touched; without
  /// a mask all are on. A bf16 in memory is widened and rounded.
  Value loadVector(Value ptr, Value mask = {}, Element from = Element::F32);
  void storeVector(Value value, Value ptr, Value mask = {},
                   Element to = Element::F32);
  void prefetch(Value ptr, CacheLevel into = CacheLevel::L1);

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
  /// x * 2^floor(exponent), rounded once; AVX-512 alone.
  Value scale(Value x, Value exponent);
  /// x - floor(x); AVX-512 alone.
  Value fraction(Value x);
  /// Transposes a square of vectors held in registers.
  void transpose(llvm::SmallVectorImpl<Value> &rows);

  // bf16 (BFloat16.cpp).
  /// i16 bits of bf16 to f32, scalars or vectors; others are left alone.
  Value widen(Value bits);
  /// f32 to the i16 bits of the nearest bf16, ties to even; a NaN stays one.
  Value narrow(Value value);
  /// The bits of bf16 numbers, `lanes` of them, from memory of either type.
  Value loadBits(Value ptr, Value mask, Element from);
  void storeBits(Value bits, Value ptr);
  /// Words (low[i], high[i]).
  Value interleave(Value low, Value high);
  /// Words of 2 * lanes neighbours: the lower half of them, the upper half.
  Value concatenate(Value lower, Value upper);
  Value loadWord(Value ptr);
  /// The last word of a row with an odd number of elements.
  Value loadHalfWord(Value ptr);
  /// A product of words is a sum over this many parts of them, and one of f32
  /// over one.
  int64_t productParts(Element element);
  Value productPart(Element element, Value words, int64_t part);
  /// sum + a * b of the same part of both.
  Value multiplyAdd(Element element, Value a, Value b, Value sum);

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
  llvm::SmallVector<Value>
  choose(Value condition, mlir::TypeRange types,
         llvm::function_ref<llvm::SmallVector<Value>()> then,
         llvm::function_ref<llvm::SmallVector<Value>()> otherwise);

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
