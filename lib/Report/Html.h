//===- Html.h - Text that cannot become markup ------------------*- C++ -*-===//

#ifndef MIXLN_LIB_REPORT_HTML_H
#define MIXLN_LIB_REPORT_HTML_H

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace mixln::report {

/// `text` for element content and quoted attributes; bytes that are no UTF-8
/// become U+FFFD.
std::string escape(const std::string &text);

/// JSON that may stand inside a script element.
std::string scriptJson(const nlohmann::ordered_json &value);

/// "5.859", "1.2e-05", or a dash for what is not finite.
std::string number(double value, int digits = 4);
std::string fixed(double value, int decimals);

/// A table whose cells are text. Cells of columns that are numeric stand to
/// the right.
class Table {
public:
  struct Column {
    std::string title;
    bool numeric = false;
    /// Left out where every row's cell is empty.
    bool optional = false;
  };
  explicit Table(std::vector<Column> columns) : columns(std::move(columns)) {}
  void add(std::vector<std::string> cells) { rows.push_back(std::move(cells)); }
  bool empty() const { return rows.empty(); }
  std::string html() const;

private:
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

} // namespace mixln::report

#endif // MIXLN_LIB_REPORT_HTML_H
