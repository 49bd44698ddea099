//===- RemoveLayer.h - A checkpoint without one of its layers ---*- C++ -*-===//

#ifndef MIXLN_RT_EXPORT_REMOVELAYER_H
#define MIXLN_RT_EXPORT_REMOVELAYER_H

#include <cstdint>
#include <string>

namespace mixln::rt {

/// Writes the checkpoint `weights` without layer `layer` (from 0) as `out`,
/// which must not exist. The layers behind it move up; config.json records the
/// layer's number in the trained model under `removed_layers`, so that every
/// remaining layer keeps the placement, and the constants of i, L and K, that
/// it was trained with. Throws an InputError for a layer that is not there.
void removeLayer(const std::string &weights, int64_t layer,
                 const std::string &out);

} // namespace mixln::rt

#endif // MIXLN_RT_EXPORT_REMOVELAYER_H
