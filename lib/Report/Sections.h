//===- Sections.h - The parts of the page -----------------------*- C++ -*-===//

#ifndef MIXLN_LIB_REPORT_SECTIONS_H
#define MIXLN_LIB_REPORT_SECTIONS_H

#include "Charts.h"
#include "mixln/Report/Compare.h"

#include <string>
#include <vector>

namespace mixln::report {

/// Collects the page; charts are numbered as they come.
class PageBuilder {
public:
  void section(const std::string &title, const std::string &id);
  void paragraph(const std::string &text, const char *kind = "");
  void heading(const std::string &text);
  void raw(const std::string &html) { body += html; }
  void figure(const Figure &figure);
  void figures(const std::vector<Figure> &figures);
  /// What follows, until the matching close, is folded away.
  void openDetails(const std::string &summary);
  void closeDetails();

  std::string html() const;
  const nlohmann::ordered_json &chartData() const { return charts; }

private:
  std::string body, contents;
  bool inSection = false;
  nlohmann::ordered_json charts = nlohmann::ordered_json::array();
};

// Each adds a section, or nothing where there is nothing to say.

void addRuns(PageBuilder &page, const std::vector<Run> &runs);
void addResults(PageBuilder &page, const std::vector<Group> &groups);
void addDifferences(PageBuilder &page, const std::vector<Group> &groups,
                    const std::string &baseline);
void addLearningRates(PageBuilder &page, const std::vector<Group> &groups,
                      const Looks &looks);
void addCurves(PageBuilder &page, const std::vector<Run> &runs,
               const Looks &looks);
void addLayers(PageBuilder &page, const std::vector<Run> &runs,
               const Looks &looks);
void addDrawings(PageBuilder &page, const std::vector<Run> &runs);
void addConfigurations(PageBuilder &page, const std::vector<Run> &runs);

} // namespace mixln::report

#endif // MIXLN_LIB_REPORT_SECTIONS_H
