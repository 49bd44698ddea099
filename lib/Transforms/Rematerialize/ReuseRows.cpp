//===- ReuseRows.cpp - mixln-reuse-rows -----------------------------------===//
//
// The backward of a row program computes its forward again, from the same
// operands. Where a part of that forward is stored anyway, it is read instead,
// if the program then reads less:
//
//   %s, %h = mixln.rowwise rows(%x, %f) { yield rows(%a + %b, norm(%a + %b)) }
//   %dx = mixln.rowwise rows(%x, %f, %dh) { ... norm'(%a + %b, %c) ... }
//   =>
//   %dx = mixln.rowwise rows(%s, %dh) { ... norm'(%a, %c) ... }
//
// %f then ends in the forward, and %s is kept for its own readers anyway. What
// is the same is found by numbering the values of all bodies of an entry
// through the row programs that made their operands.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/TensorType.h"
#include "mixln/Transforms/Merge/EntryGraph.h"
#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Rematerialize/RowParts.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

#include <map>

namespace mixln {
#define GEN_PASS_DEF_MIXLNREUSEROWS
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
/// Numbers of row values: equal numbers are equal values at each row.
class RowNumbers {
public:
  /// Numbers the body of `op`.
  void visit(RowwiseOp op);
  /// From here on the results of `op`, which was visited, can be read.
  void addResults(RowwiseOp op);
  unsigned lookup(Value value) const { return numbers.lookup(value); }
  /// A tensor whose rows hold the value of that number, exactly.
  Value getStored(unsigned number) const { return storedAs.lookup(number); }

private:
  using Key = std::vector<const void *>;
  unsigned number(const Key &key) {
    return known.try_emplace(key, known.size()).first->second;
  }

  std::map<Key, unsigned> known;
  DenseMap<Value, unsigned> numbers;
  /// Numbers of stored rows, read by the identity map.
  DenseMap<Value, unsigned> rowNumbers;
  DenseMap<unsigned, Value> storedAs;
};
} // namespace

static const void *opaque(size_t number) {
  return reinterpret_cast<const void *>(number);
}

void RowNumbers::visit(RowwiseOp op) {
  enum Kind { Row = 1, Shared, Number };
  for (auto [i, tensor] : llvm::enumerate(op.getRows())) {
    auto stored = rowNumbers.find(tensor);
    numbers[op.getRowArgument(i)] =
        op.getRowMap(i).isIdentity() && stored != rowNumbers.end()
            ? stored->second
            : number({opaque(Row), tensor.getAsOpaquePointer(),
                      op.getRowMap(i).getAsOpaquePointer()});
  }
  for (auto [i, tensor] : llvm::enumerate(op.getShared()))
    numbers[op.getSharedArgument(i)] =
        number({opaque(Shared), tensor.getAsOpaquePointer()});
  Builder builder(op.getContext());
  for (auto [i, value] : llvm::enumerate(op.getValues()))
    numbers[op.getValueArgument(i)] = number(
        {opaque(Number), builder.getF64FloatAttr(value).getAsOpaquePointer()});
  for (Operation &inner : op.getBodyBlock()->without_terminator()) {
    Key key = {inner.getName().getAsOpaquePointer(),
               inner.getAttrDictionary().getAsOpaquePointer()};
    for (Type type : inner.getResultTypes())
      key.push_back(type.getAsOpaquePointer());
    for (Value operand : inner.getOperands())
      key.push_back(opaque(lookup(operand)));
    for (OpResult result : inner.getResults()) {
      key.push_back(opaque(result.getResultNumber()));
      numbers[result] = number(key);
      key.pop_back();
    }
  }
}

void RowNumbers::addResults(RowwiseOp op) {
  for (auto [result, yielded] :
       llvm::zip(op.getRowResults(), op.getYield().getRows()))
    if (typeOf(result).getElementType().isF32()) {
      rowNumbers[result] = lookup(yielded);
      storedAs.try_emplace(lookup(yielded), result);
    }
}

namespace {
/// What a program reads if it takes some values from memory.
class Reader {
public:
  explicit Reader(RowwiseOp op) : op(op) {}

  struct Reading {
    int64_t bytes = 0;
    llvm::SmallSetVector<Value, 4> loaded; ///< of `stored`
  };
  Reading read(const llvm::MapVector<Value, Value> &stored) {
    Reading reading;
    llvm::SmallDenseSet<Value> seen, tensors;
    SmallVector<Value> work(op.getYield()->getOperands());
    auto add = [&](Value tensor) {
      if (tensors.insert(tensor).second)
        reading.bytes += typeOf(tensor).getNumElements() *
                         typeOf(tensor).getElementTypeBitWidth() / 8;
    };
    while (!work.empty()) {
      Value value = work.pop_back_val();
      if (!seen.insert(value).second)
        continue;
      auto argument = dyn_cast<BlockArgument>(value);
      if (auto found = stored.find(value); found != stored.end()) {
        reading.loaded.insert(value);
        add(found->second);
      } else if (!argument) {
        llvm::append_range(work, value.getDefiningOp()->getOperands());
      } else if (argument.getArgNumber() < op.getRows().size()) {
        add(op.getRows()[argument.getArgNumber()]);
      }
    }
    return reading;
  }

private:
  RowwiseOp op;
};

struct ReuseRows : mixln::impl::MixlnReuseRowsBase<ReuseRows> {
  void runOnOperation() override {
    for (auto entry : getOperation().getOps<EntryOp>())
      runOnEntry(entry);
  }

  void runOnEntry(EntryOp entry) {
    RowNumbers numbers;
    OpBuilder builder(entry);
    SmallVector<RowwiseOp> programs(
        entry.getBody().front().getOps<RowwiseOp>());
    for (RowwiseOp op : programs) {
      numbers.visit(op);
      llvm::MapVector<Value, Value> stored = choose(op, numbers);
      if (stored.empty()) {
        numbers.addResults(op);
        continue;
      }
      if (auto remark = remark::passed(op.getLoc(),
                                       remark::RemarkOpts::name("ReadInstead")
                                           .category("mixln-reuse-rows")
                                           .function(entry.getSymName())))
        remark << describeStored(op, stored);
      SmallVector<StoredRow> rows;
      for (auto [computed, tensor] : stored)
        rows.push_back({computed, tensor});
      auto all =
          llvm::to_vector(llvm::seq<unsigned>(op.getRowResults().size()));
      RowwiseOp made =
          readStoredRows(builder, op, rows, all, /*withSums=*/true);
      numbers.visit(made);
      numbers.addResults(made);
    }
  }

  static std::string
  describeStored(RowwiseOp op, const llvm::MapVector<Value, Value> &stored) {
    return describe(op) + " reads " + std::to_string(stored.size()) +
           (stored.size() == 1 ? " stored row" : " stored rows") +
           " instead of computing it again";
  }

  /// The values of the body that are better read.
  llvm::MapVector<Value, Value> choose(RowwiseOp op,
                                       const RowNumbers &numbers) {
    Reader reader(op);
    llvm::MapVector<Value, Value> stored;
    Reader::Reading best = reader.read(stored);
    // The last first: what follows from it is then not asked for any more.
    for (Operation &inner :
         llvm::drop_begin(llvm::reverse(*op.getBodyBlock()))) {
      if (inner.getNumResults() != 1)
        continue;
      Value value = inner.getResult(0);
      Value tensor = numbers.getStored(numbers.lookup(value));
      if (!tensor || tensor.getDefiningOp() == op ||
          !readsAs(op, tensor, value.getType()))
        continue;
      llvm::MapVector<Value, Value> with = stored;
      with[value] = tensor;
      Reader::Reading reading = reader.read(with);
      if (reading.bytes >= best.bytes)
        continue;
      best = reading;
      stored = with;
      stored.remove_if(
          [&](const auto &row) { return !best.loaded.contains(row.first); });
    }
    return stored;
  }

  static bool readsAs(RowwiseOp op, Value tensor, Type type) {
    auto producer = cast<RowwiseOp>(tensor.getDefiningOp());
    AffineMap identity =
        RowwiseOp::identityMap(op.getContext(), op.getDomain().size());
    return producer.getDomain() == op.getDomain() &&
           RowwiseOp::rowArgumentType(typeOf(tensor), identity) == type;
  }
};
} // namespace
