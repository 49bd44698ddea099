//===- Measurements.h - What gradient.measured leaves behind ----*- C++ -*-===//

#ifndef MIXLN_RT_LAYERS_MEASUREMENTS_H
#define MIXLN_RT_LAYERS_MEASUREMENTS_H

#include "train/Model.h"

#include <map>
#include <string>
#include <vector>

namespace mixln::rt {

/// Numbers by name, one a layer or sub-layer (attention, MLP, attention, ...).
using Measurements = std::map<std::string, std::vector<double>>;

/// The program's own measurements (`measure.REDUCE.NAME.PLACE`) after
/// `gradient.measured`, reduced over all positions of the micro-batch.
Measurements readMeasurements(const Model &model);

/// [L]: L2 norms of all parameters of a layer, and of their gradients by
/// parameter class.
std::vector<double> weightNorms(const Model &model);
Measurements gradientNormsByClass(const Model &model);

} // namespace mixln::rt

#endif // MIXLN_RT_LAYERS_MEASUREMENTS_H
