//===- NearestName.cpp - What a misspelt name may have meant --------------===//

#include "mixln/Support/NearestName.h"

#include <algorithm>

using namespace llvm;

std::optional<std::string> mixln::nearestName(StringRef name,
                                              ArrayRef<StringRef> candidates) {
  std::optional<std::string> best;
  unsigned bestDistance = std::max<size_t>(2, name.size() / 3) + 1;
  for (StringRef candidate : candidates) {
    unsigned distance = name.edit_distance(candidate, true, bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate.str();
    }
  }
  return best;
}
