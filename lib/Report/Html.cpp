//===- Html.cpp -----------------------------------------------------------===//

#include "Html.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <cstdio>

using namespace mixln::report;

std::string mixln::report::escape(const std::string &text) {
  std::string valid =
      llvm::json::isUTF8(text) ? text : llvm::json::fixUTF8(text);
  std::string out;
  for (char c : valid)
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      // Control characters are not allowed in a page at all.
      out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'
                 ? "\xEF\xBF\xBD"
                 : std::string(1, c);
    }
  return out;
}

std::string mixln::report::scriptJson(const nlohmann::ordered_json &value) {
  std::string text = value.dump(
      -1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
  std::string out;
  for (char c : text)
    switch (c) {
    case '<':
      out += "\\u003c";
      break;
    case '>':
      out += "\\u003e";
      break;
    case '&':
      out += "\\u0026";
      break;
    default:
      out += c;
    }
  return out;
}

static std::string formatted(const char *format, int digits, double value) {
  if (!std::isfinite(value))
    return "\u2013";
  char text[64];
  std::snprintf(text, sizeof text, format, digits, value);
  // A minus sign as wide as a plus.
  return text[0] == '-' ? "\u2212" + std::string(text + 1) : text;
}

std::string mixln::report::number(double value, int digits) {
  return formatted("%.*g", digits, value);
}

std::string mixln::report::fixed(double value, int decimals) {
  return formatted("%.*f", decimals, value);
}

std::string Table::html() const {
  std::vector<size_t> shown;
  for (size_t i = 0; i < columns.size(); ++i)
    if (!columns[i].optional || llvm::any_of(rows, [&](const auto &row) {
          return i < row.size() && !row[i].empty();
        }))
      shown.push_back(i);
  auto cell = [&](const char *tag, size_t i, const std::string &text) {
    std::string element = tag;
    return "<" + element + (columns[i].numeric ? " class=\"n\"" : "") + ">" +
           escape(text) + "</" + element + ">";
  };
  std::string out = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (size_t i : shown)
    out += cell("th", i, columns[i].title);
  out += "</tr></thead>\n<tbody>\n";
  for (const auto &row : rows) {
    out += "<tr>";
    for (size_t i : shown)
      out += cell("td", i, i < row.size() ? row[i] : "");
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}
