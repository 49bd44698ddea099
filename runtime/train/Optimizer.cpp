//===- Optimizer.cpp ------------------------------------------------------===//

#include "train/Optimizer.h"

#include <cmath>

using namespace mixln::rt;

const std::vector<std::string> &mixln::rt::parameterClasses() {
  static const std::vector<std::string> classes = {
      "embed", "head", "qk", "v", "o", "ffn", "gain", "bias", "scale", "gate"};
  return classes;
}

static double lookUp(const std::map<std::string, double> &table,
                     const std::string &key, double otherwise) {
  auto found = table.find(key);
  return found == table.end() ? otherwise : found->second;
}

void Optimizer::writeScalars(Model &model, int64_t n, double lr) const {
  for (const std::string &name : parameterClasses()) {
    double decay = lookUp(decays, name, weightDecay);
    model.setScalar("lr." + name, lr * lookUp(lrMultipliers, name, 1));
    model.setScalar("decay." + name, decoupledDecay ? 0 : decay);
    model.setScalar("decoupled_decay." + name, decoupledDecay ? decay : 0);
  }
  model.setScalar("beta1", beta1);
  model.setScalar("beta2", beta2);
  model.setScalar("eps", eps);
  model.setScalar("bias_correction1", 1 - std::pow(beta1, double(n)));
  model.setScalar("bias_correction2", 1 - std::pow(beta2, double(n)));
  model.setScalar("max_grad_norm", gradClipping);
}
