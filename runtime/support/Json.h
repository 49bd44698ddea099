//===- Json.h - JSON from outside -------------------------------*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_JSON_H
#define MIXLN_RT_SUPPORT_JSON_H

#include <string>
#include <string_view>

namespace mixln::rt {

/// An InputError when brackets are nested deeper than `limit`: comparing and
/// printing a value recurse into it, and each level of one costs memory.
void checkNesting(std::string_view text, const std::string &path,
                  int limit = 64);

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_JSON_H
