//===- Files.cpp - Variables from and to safetensors files ----------------===//

#include "mixln/Interpreter/Files.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Interpreter/Inputs.h"
#include "mixln/Support/Safetensors.h"

using namespace mlir;
using namespace mixln;

/// Labels [B, T] to the label of the next position; a row's last has none.
static NamedTensor shiftLabels(const NamedTensor &labels) {
  NamedTensor targets = labels;
  targets.name = "targets";
  int64_t seqLen = labels.shape.back();
  for (size_t i = 0; i < labels.data.size(); ++i)
    targets.data[i] = int64_t(i + 1) % seqLen == 0 ? -100 : labels.data[i + 1];
  return targets;
}

static llvm::Error setVariable(Interpreter &interpreter, NamedTensor tensor,
                               StringRef path) {
  auto error = [&](const Twine &message) {
    return llvm::createStringError(path + ": tensor '" + tensor.name + "' " +
                                   message);
  };
  if (!interpreter.hasVariable(tensor.name)) {
    if (tensor.name != "labels" || tensor.shape.size() != 2 ||
        tensor.data.empty() || !interpreter.hasVariable("targets"))
      return error("is no variable of the module");
    tensor = shiftLabels(tensor);
  }
  // A batch [B, T] is one list of positions here.
  Array value = Array::undefined(interpreter.getVariable(tensor.name).shape);
  if (value.data.size() != tensor.data.size())
    return error("has " + Twine(tensor.data.size()) +
                 " elements, the variable has " + Twine(value.data.size()));
  value.data = std::move(tensor.data);
  if (failed(interpreter.setVariable(tensor.name, std::move(value))))
    return error("does not fit its variable");
  return llvm::Error::success();
}

llvm::Error mixln::loadVariables(Interpreter &interpreter, StringRef path) {
  llvm::Expected<std::vector<NamedTensor>> tensors = readSafetensors(path);
  if (!tensors)
    return tensors.takeError();
  for (NamedTensor &tensor : *tensors)
    if (llvm::Error error = setVariable(interpreter, std::move(tensor), path))
      return error;
  if (failed(setTokenOrder(interpreter)))
    return llvm::createStringError(path + ": no token order fits input_ids");
  return llvm::Error::success();
}

LogicalResult mixln::setDefaultLossScale(Interpreter &interpreter) {
  if (interpreter.hasVariable("z_loss_scale") &&
      !interpreter.isWritten("z_loss_scale") &&
      failed(interpreter.setVariable("z_loss_scale", Array::full({1}, 0))))
    return failure();
  if (!interpreter.hasVariable("loss_scale") ||
      interpreter.isWritten("loss_scale") ||
      !interpreter.hasVariable("targets") || !interpreter.isWritten("targets"))
    return success();
  double counted = 0;
  for (double target : interpreter.getVariable("targets").data)
    counted += target >= 0;
  return interpreter.setVariable("loss_scale",
                                 Array::full({1}, counted ? 1 / counted : 0));
}

llvm::Error mixln::saveVariables(Interpreter &interpreter, StringRef path,
                                 bool asF64) {
  std::vector<NamedTensor> tensors;
  for (auto variable : interpreter.getModule().getOps<VariableOp>()) {
    StringRef name = variable.getSymName();
    Role role = variable.getRole();
    if ((role != Role::Gradient && role != Role::Output &&
         role != Role::Parameter) ||
        !interpreter.isWritten(name))
      continue;
    const Array &value = interpreter.getVariable(name);
    tensors.push_back(
        {name.str(), asF64 ? "F64" : "F32", value.shape, value.data});
  }
  return writeSafetensors(path, tensors);
}
