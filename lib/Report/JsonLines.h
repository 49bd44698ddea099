//===- JsonLines.h - Lines of JSON, some of them damaged --------*- C++ -*-===//

#ifndef MIXLN_LIB_REPORT_JSONLINES_H
#define MIXLN_LIB_REPORT_JSONLINES_H

#include <nlohmann/json.hpp>

#include <cstddef>
#include <functional>
#include <string>

namespace mixln::report {

/// Whatever walks through a value recurses: deeper ones are as good as no JSON.
constexpr int kMostNesting = 64;

/// Parses one value; NaN and Infinity, which JSON lacks and Python writes, are
/// null. Discarded when it is not JSON even so, or too deep.
nlohmann::ordered_json parseTolerant(const std::string &text);

/// The number at `key`, or NaN.
double numberAt(const nlohmann::ordered_json &object, const char *key);

struct LineCount {
  size_t damaged = 0;  ///< lines in the middle that are no JSON object
  bool cutOff = false; ///< the last line has no end and is no JSON object
};

/// Calls `use` with every object of the file; a missing file has none.
LineCount
readJsonLines(const std::string &path,
              const std::function<void(nlohmann::ordered_json &)> &use);

} // namespace mixln::report

#endif // MIXLN_LIB_REPORT_JSONLINES_H
