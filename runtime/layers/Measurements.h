//===- Measurements.h - What measuring entries leave behind -----*- C++ -*-===//

#ifndef MIXLN_RT_LAYERS_MEASUREMENTS_H
#define MIXLN_RT_LAYERS_MEASUREMENTS_H

#include "train/Model.h"

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace mixln::rt {

/// Numbers by name and group, one a layer or sub-layer (attention, MLP,
/// attention, ...). The group is empty but where parameters are measured by
/// class or by name; NaN where a layer has none of it.
using Measurements =
    std::map<std::string, std::map<std::string, std::vector<double>>>;

/// The entry that must have run for a measurement to be there.
enum class MeasuredBy {
  Step,       ///< gradient.measured
  Parameters, ///< measured.parameters: weights and gradients as they are
  Updates     ///< measured.updates: what the latest update added
};

/// The program's measurements, reduced over all positions of the micro-batch
/// or all rows of the parameters of a group.
Measurements readMeasurements(const Model &model, MeasuredBy entry);

/// Runs an entry, where the program has it, and reads what it measured.
Measurements measureNow(Model &model, MeasuredBy entry);

/// A list a measurement, or an object of lists by group.
void addMeasurements(const Measurements &measurements,
                     nlohmann::ordered_json &to);

} // namespace mixln::rt

#endif // MIXLN_RT_LAYERS_MEASUREMENTS_H
