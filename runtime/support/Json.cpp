//===- Json.cpp -----------------------------------------------------------===//

#include "support/Json.h"
#include "mixln-rt/json-nesting.h"
#include "support/Errors.h"

void mixln::rt::checkNesting(std::string_view text, const std::string &path,
                             int limit) {
  if (std::optional<size_t> at = findTooDeep(text, limit))
    badInput(path, " is nested deeper than ", limit, " levels at byte ", *at);
}
