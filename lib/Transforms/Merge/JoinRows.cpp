//===- JoinRows.cpp - Two row programs as one -----------------------------===//

#include "mixln/IR/RowRewrite.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Merge/Rows.h"

using namespace mlir;
using namespace mixln;

/// The parts of `a` and `b`, each once, joined by '+'.
static std::string joinedSite(StringRef a, StringRef b) {
  SmallVector<StringRef> parts, more;
  a.split(parts, '+', -1, /*KeepEmpty=*/false);
  b.split(more, '+', -1, /*KeepEmpty=*/false);
  for (StringRef part : more)
    if (!llvm::is_contained(parts, part))
      parts.push_back(part);
  return llvm::join(parts, "+");
}

RowwiseOp mixln::joinRows(OpBuilder &builder, RowwiseOp a, RowwiseOp b) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(b);
  SmallVector<int64_t> domain(a.getDomain());
  RowRewrite rewrite(domain);
  rewrite.addOperandsOf(a, a.getBodyBlock()->getArguments());

  SmallVector<BlockArgument> arguments;
  for (BlockArgument argument : b.getBodyBlock()->getArguments()) {
    unsigned i = argument.getArgNumber();
    if (i < b.getRows().size() && b.getRows()[i].getDefiningOp() == a) {
      unsigned result = cast<OpResult>(b.getRows()[i]).getResultNumber();
      argument.replaceAllUsesWith(a.getYield().getRows()[result]);
    } else {
      arguments.push_back(argument);
    }
  }
  rewrite.addOperandsOf(b, arguments);

  auto usedOutside = [&](Value result) {
    return llvm::any_of(result.getUsers(),
                        [&](Operation *user) { return user != b; });
  };
  for (auto [result, yielded] :
       llvm::zip(a.getRowResults(), a.getYield().getRows()))
    if (usedOutside(result))
      rewrite.addRowResult(yielded, cast<OpResult>(result));
  for (auto [result, yielded] :
       llvm::zip(b.getRowResults(), b.getYield().getRows()))
    rewrite.addRowResult(yielded, cast<OpResult>(result));
  for (unsigned i = 0; i < a.getSumResults().size(); ++i)
    rewrite.addSumOf(a, i);
  for (unsigned i = 0; i < b.getSumResults().size(); ++i)
    rewrite.addSumOf(b, i);

  auto loc = FusedLoc::get(builder.getContext(), {a.getLoc(), b.getLoc()});
  RowwiseOp joined =
      rewrite.build(builder, loc, {a.getBodyBlock(), b.getBodyBlock()});
  if (joined) {
    copyAttributes(a, joined);
    copyAttributes(b, joined);
    std::string site = joinedSite(getSite(a), getSite(b));
    int64_t layer = getLayer(b) >= 0 ? getLayer(b) : getLayer(a);
    if (!site.empty() || layer >= 0)
      setSite(joined, site, layer);
  }
  b.erase();
  a.erase();
  return joined;
}
