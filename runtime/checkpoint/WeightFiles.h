//===- WeightFiles.h - The weights of a model folder ------------*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_WEIGHTFILES_H
#define MIXLN_RT_CHECKPOINT_WEIGHTFILES_H

#include "checkpoint/Safetensors.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mixln::rt {

/// The files with the weights of `path`: itself, or of the folder `path`
/// model.safetensors or the parts that model.safetensors.index.json lists. An
/// InputError where there are none.
std::vector<std::string> weightFiles(const std::string &path);

/// The tensors of such files, under the names that this project has for them,
/// whichever program wrote them.
class WeightFiles {
public:
  explicit WeightFiles(const std::string &path);

  struct Weight {
    const SafetensorsFile *file;
    const StoredTensor *stored;
  };
  const std::map<std::string, Weight> &weights() const { return table; }

  /// The tensor of that name, of this shape and a floating-point type that
  /// readFloats() knows; an InputError otherwise.
  const Weight &get(const std::string &name,
                    const std::vector<int64_t> &shape) const;
  /// `count` numbers from number `first` on.
  static void readFloats(const Weight &weight, int64_t first, float *to,
                         int64_t count);

private:
  std::string where;
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::map<std::string, Weight> table;
};

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_WEIGHTFILES_H
