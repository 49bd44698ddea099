//===- Json.cpp -----------------------------------------------------------===//

#include "support/Json.h"
#include "support/Errors.h"

void mixln::rt::checkNesting(std::string_view text, const std::string &path,
                             int limit) {
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
        badInput(path, " is nested deeper than ", limit, " levels at byte ", i);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
}
