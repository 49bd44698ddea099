//===- Sites.cpp - Names of values that survive the phases ----------------===//

#include "mixln/IR/Sites.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

static constexpr StringRef kSite = "mixln.site";
static constexpr StringRef kLayer = "mixln.layer";
static constexpr StringRef kNames = "mixln.names";

void mixln::setSite(Operation *op, StringRef site, int64_t layer) {
  Builder builder(op->getContext());
  op->setDiscardableAttr(kSite, builder.getStringAttr(site));
  if (layer >= 0)
    op->setDiscardableAttr(kLayer, builder.getI64IntegerAttr(layer));
}

StringRef mixln::getSite(Operation *op) {
  auto site = op->getAttrOfType<StringAttr>(kSite);
  return site ? site.getValue() : StringRef();
}

int64_t mixln::getLayer(Operation *op) {
  auto layer = op->getAttrOfType<IntegerAttr>(kLayer);
  return layer ? layer.getInt() : -1;
}

void mixln::setName(OpResult result, StringRef name) {
  Operation *op = result.getOwner();
  Builder builder(op->getContext());
  SmallVector<Attribute> names(op->getNumResults(), builder.getStringAttr(""));
  if (auto old = op->getAttrOfType<ArrayAttr>(kNames))
    llvm::copy(old.getValue().take_front(names.size()), names.begin());
  names[result.getResultNumber()] = builder.getStringAttr(name);
  op->setDiscardableAttr(kNames, builder.getArrayAttr(names));
}

StringRef mixln::getName(OpResult result) {
  auto names = result.getOwner()->getAttrOfType<ArrayAttr>(kNames);
  if (!names || result.getResultNumber() >= names.size())
    return {};
  auto name = dyn_cast<StringAttr>(names[result.getResultNumber()]);
  return name ? name.getValue() : StringRef();
}

void mixln::copySite(Operation *from, Operation *to) {
  for (StringRef key : {kSite, kLayer})
    if (Attribute value = from->getDiscardableAttr(key))
      to->setDiscardableAttr(key, value);
  if (from->getNumResults() == to->getNumResults())
    if (Attribute names = from->getDiscardableAttr(kNames))
      to->setDiscardableAttr(kNames, names);
}
