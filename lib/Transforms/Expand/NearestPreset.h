//===- NearestPreset.h - Which preset a model is closest to -----*- C++ -*-===//

#ifndef MIXLN_LIB_TRANSFORMS_EXPAND_NEARESTPRESET_H
#define MIXLN_LIB_TRANSFORMS_EXPAND_NEARESTPRESET_H

#include "mixln/IR/Mixln.h"

#include <string>
#include <vector>

namespace mixln {

struct NearestPreset {
  std::string name;                     ///< with its K, e.g. post_pre:3;
                                        ///< empty: none can be imported
  std::vector<std::string> differences; ///< empty: the same model
};

/// The preset whose model differs from `model` in the fewest sub-layers.
NearestPreset findNearestPreset(ModelOp model);

} // namespace mixln

#endif // MIXLN_LIB_TRANSFORMS_EXPAND_NEARESTPRESET_H
