//===- OperationNames.cpp - Readable names of kernels ---------------------===//

#include "mixln/Target/OperationNames.h"

#include "mixln/IR/Sites.h"

using namespace mlir;
using namespace mixln;

std::string mixln::getRowName(RowwiseOp op) {
  std::string site = getSite(op).str();
  // Equal layers share the kernel: its name has no layer.
  std::string name;
  for (StringRef part : llvm::split(site, '+')) {
    SmallVector<StringRef> words;
    part.split(words, '.');
    std::string piece;
    for (StringRef word : words)
      if (word != "layers" && !llvm::all_of(word, llvm::isDigit))
        piece += (piece.empty() ? "" : "_") + word.str();
    if (!name.empty())
      name += "+";
    name += piece;
  }
  int64_t width = 1;
  // Numbers of a row may stand before it.
  for (unsigned i = 0; i < op.getRows().size(); ++i)
    if (auto vector = dyn_cast<VectorType>(op.getRowArgument(i).getType()))
      width = std::max(width, vector.getDimSize(0));
  if (name.size() > 48)
    name.resize(48);
  return "rows." + (name.empty() ? "program" : name) + "." +
         std::to_string(width);
}
