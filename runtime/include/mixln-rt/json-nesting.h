//===- json-nesting.h - How deep a JSON text is nested ----------*- C++ -*-===//
//
// Parsers, comparisons and printers of JSON recurse: a text from outside is
// measured before any of them sees it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_JSON_NESTING_H
#define MIXLN_RT_JSON_NESTING_H

#include <cstddef>
#include <optional>
#include <string_view>

namespace mixln::rt {

/// The byte at which brackets outside strings are nested deeper than `limit`.
inline std::optional<size_t> findTooDeep(std::string_view text, int limit) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      i += c == '\\';
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limit)
        return i;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return std::nullopt;
}

} // namespace mixln::rt

#endif // MIXLN_RT_JSON_NESTING_H
