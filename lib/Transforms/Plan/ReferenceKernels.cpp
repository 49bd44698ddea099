//===- ReferenceKernels.cpp - A target without code -----------------------===//

#include "mixln/Transforms/Plan/ReferenceKernels.h"

#include "mixln/IR/Mixln.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Plan/Storage.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

/// `tensor<8x32xf32>` as `?x32xf32`: the first extent counts rows, unless the
/// tensor has no other.
static void printRowType(llvm::raw_ostream &os, Type type, bool isShared) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || isShared) {
    os << type;
    return;
  }
  os << "?";
  for (int64_t extent : tensor.getShape().drop_front())
    os << "x" << extent;
  os << "x" << tensor.getElementType();
  if (tensor.getEncoding())
    os << ", " << tensor.getEncoding();
}

static void printBody(llvm::raw_ostream &os, Block &block) {
  llvm::DenseMap<Value, unsigned> numbers;
  auto number = [&](Value value) { numbers[value] = numbers.size(); };
  for (BlockArgument argument : block.getArguments()) {
    number(argument);
    os << argument.getType() << ";";
  }
  for (Operation &op : block) {
    os << op.getName() << op.getAttrDictionary();
    for (Value operand : op.getOperands())
      os << " " << numbers.lookup(operand);
    for (Value result : op.getResults()) {
      number(result);
      os << ":" << result.getType();
    }
    os << ";";
  }
}

std::string mixln::getRowIndependentText(Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << op->getName();
  for (NamedAttribute named : op->getAttrDictionary()) {
    StringRef name = named.getName();
    if (name.starts_with("mixln.") || name == "values")
      continue;
    if (name == "domain") {
      auto domain = cast<DenseI64ArrayAttr>(named.getValue()).asArrayRef();
      os << " domain ?";
      for (int64_t extent : domain.drop_front())
        os << "x" << extent;
      continue;
    }
    os << " " << name << "=" << named.getValue();
  }
  auto rowwise = dyn_cast<RowwiseOp>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    os << ",";
    printRowType(os, operand.get().getType(),
                 rowwise &&
                     operand.getOperandNumber() >= rowwise.getRows().size());
  }
  for (OpResult result : op->getResults()) {
    os << "->";
    printRowType(os, result.getType(),
                 rowwise && result.getResultNumber() >=
                                rowwise.getRowResults().size());
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      printBody(os, block);
  return text;
}

std::string ReferenceKernels::getKey(Operation *op) {
  return getRowIndependentText(op);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// The site without its layer, as part of a symbol.
static std::string siteName(Operation *op) {
  StringRef site = getSite(op);
  std::string name;
  for (StringRef part : llvm::split(site, '.'))
    if (part != "layers" && !part.empty() && !llvm::isDigit(part.front()))
      name += (name.empty() ? "" : "_") + part.str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name.empty() ? "program" : name;
}

std::string ReferenceKernels::getName(Operation *op) {
  auto columns = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.getDimSize(type.getRank() - 1);
  };
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([&](RowwiseOp op) {
        Value widest =
            op->getNumOperands() ? op->getOperand(0) : Value(op->getResult(0));
        return llvm::formatv("rows.{0}.{1}", siteName(op), columns(widest))
            .str();
      })
      .Case([&](MatmulOp op) {
        return llvm::formatv(
                   "matmul.{0}{1}.{2}x{3}", op.getTransposeLhs() ? "t" : "n",
                   op.getTransposeRhs() ? "t" : "n", op.getN(0), op.getK(0))
            .str();
      })
      .Default([&](Operation *op) {
        return llvm::formatv("{0}.{1}", op->getName().stripDialect(),
                             columns(op->getResult(0)))
            .str();
      });
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Launch ReferenceKernels::getLaunch(Operation *op) {
  auto type =
      cast<RankedTensorType>(op->getNumOperands() ? op->getOperand(0).getType()
                                                  : op->getResult(0).getType());
  int64_t rows = type.getDimSize(0);
  if (auto rowwise = dyn_cast<RowwiseOp>(op))
    rows = rowwise.getDomain().front();
  Launch launch;
  launch.sizes.push_back(rows);
  launch.tasks.push_back(static_cast<int64_t>(llvm::divideCeil(rows, 64)));
  // Sums are added in two phases, through one partial sum a task.
  if (auto rowwise = dyn_cast<RowwiseOp>(op);
      rowwise && !rowwise.getSumResults().empty() && launch.tasks[0] > 1) {
    int64_t bytes = 0;
    for (Value sum : rowwise.getSumResults())
      bytes += getBytes(cast<RankedTensorType>(sum.getType()));
    launch.workspaceBytes = launch.tasks[0] * bytes;
    launch.tasks.push_back(1);
  }
  return launch;
}

int64_t ReferenceKernels::getBytes(RankedTensorType type) {
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

bool ReferenceKernels::canWriteInPlace(Operation *op, unsigned operand,
                                       unsigned result) {
  if (getTiedOperand(op, result) == static_cast<int>(operand))
    return true;
  // Each point of a row program reads its row before it writes it.
  auto rowwise = dyn_cast<RowwiseOp>(op);
  return rowwise && operand < rowwise.getRows().size() &&
         result < rowwise.getRowResults().size() &&
         rowwise.getRowMap(operand).isIdentity();
}

bool ReferenceKernels::canJoin(Operation *product, Operation *rows) {
  auto rowwise = cast<RowwiseOp>(rows);
  return rowwise.getSumResults().empty() &&
         rowwise.getBodyBlock()->getOps<vector::ReductionOp>().empty();
}

LogicalResult
ReferenceKernels::emitKernel(Operation *op, StringRef symbol, ModuleOp module,
                             SmallVectorImpl<std::string> &phases) {
  for (size_t phase = 0; phase < getLaunch(op).tasks.size(); ++phase)
    phases.push_back(llvm::formatv("{0}.{1}", symbol, phase));
  return success();
}
