//===- JsonLines.cpp ------------------------------------------------------===//

#include "JsonLines.h"
#include "mixln-rt/json-nesting.h"

#include "llvm/ADT/StringRef.h"

#include <cmath>
#include <fstream>
#include <limits>

using nlohmann::ordered_json;

/// `text` with the words that are no JSON replaced, outside of strings.
static std::string withoutNaN(llvm::StringRef text) {
  std::string out;
  bool inString = false;
  while (!text.empty()) {
    char c = text.front();
    if (inString) {
      size_t length = c == '\\' && text.size() > 1 ? 2 : 1;
      out += text.take_front(length);
      text = text.drop_front(length);
      inString = c != '"';
      continue;
    }
    size_t length = 0;
    for (llvm::StringRef word :
         {"NaN", "nan", "-Infinity", "Infinity", "-inf", "inf"})
      if (text.starts_with(word)) {
        length = word.size();
        break;
      }
    if (length) {
      out += "null";
      text = text.drop_front(length);
      continue;
    }
    inString = c == '"';
    out += c;
    text = text.drop_front();
  }
  return out;
}

ordered_json mixln::report::parseTolerant(const std::string &text) {
  if (mixln::rt::findTooDeep(text, kMostNesting))
    return ordered_json(ordered_json::value_t::discarded);
  ordered_json value = ordered_json::parse(text, nullptr, false);
  if (value.is_discarded())
    value = ordered_json::parse(withoutNaN(text), nullptr, false);
  return value;
}

double mixln::report::numberAt(const ordered_json &object, const char *key) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_number())
    return std::numeric_limits<double>::quiet_NaN();
  return found->get<double>();
}

mixln::report::LineCount
mixln::report::readJsonLines(const std::string &path,
                             const std::function<void(ordered_json &)> &use) {
  LineCount count;
  std::ifstream in(path, std::ios::binary);
  for (std::string text; std::getline(in, text);) {
    ordered_json line = parseTolerant(text);
    if (line.is_object())
      use(line);
    else if (in.eof())
      count.cutOff = true;
    else if (text.find_first_not_of(" \t\r") != std::string::npos)
      ++count.damaged;
  }
  return count;
}
