//===- RunSections.cpp - Curves, memory, configurations -------------------===//

#include "Html.h"
#include "Sections.h"

#include "llvm/Support/Base64.h"

#include <algorithm>

using namespace mixln::report;

void mixln::report::addCurves(PageBuilder &page, const std::vector<Run> &runs,
                              const Looks &looks) {
  std::vector<Figure> all = lossCurves(runs, looks);
  for (auto &&more :
       {gradientCurves(runs, looks), throughputCurves(runs, looks)})
    all.insert(all.end(), more.begin(), more.end());
  if (all.empty())
    return;
  page.section("Over time", "curves");
  page.figures(all);
}

//===----------------------------------------------------------------------===//
// Drawings and configurations
//===----------------------------------------------------------------------===//

void mixln::report::addDrawings(PageBuilder &page,
                                const std::vector<Run> &runs) {
  // Runs of one step have one drawing, whatever their seeds and rates.
  std::vector<std::pair<const std::string *, std::string>> drawings;
  for (const Run &run : runs)
    for (auto &[name, svg] : run.drawings) {
      auto same = std::find_if(drawings.begin(), drawings.end(),
                               [&](auto &one) { return *one.first == svg; });
      if (same == drawings.end())
        drawings.emplace_back(&svg, run.name + ": " + name);
      else
        same->second = run.name + ", " + same->second;
    }
  if (drawings.empty())
    return;
  page.section("Memory", "memory");
  for (auto &[svg, caption] : drawings)
    // As a picture: scripts inside of it do not run.
    page.raw("<figure class=\"drawing\"><figcaption>" + escape(caption) +
             "</figcaption><img alt=\"" + escape(caption) +
             "\" src=\"data:image/svg+xml;base64," + llvm::encodeBase64(*svg) +
             "\"></figure>\n");
}

void mixln::report::addConfigurations(PageBuilder &page,
                                      const std::vector<Run> &runs) {
  if (runs.size() < 2)
    return;
  page.section("What differs between the runs", "configurations");
  auto keys = differingKeys(runs);
  if (keys.empty()) {
    page.paragraph("Nothing in run.json: flags, model, data, machine and "
                   "versions are the same.");
    return;
  }
  page.paragraph("Only what differs in run.json; an empty cell: the run lacks "
                 "the key.",
                 "note");
  std::vector<Table::Column> columns = {{"run"}};
  for (auto &[key, values] : keys)
    columns.push_back({key});
  Table table(columns);
  for (size_t i = 0; i < runs.size(); ++i) {
    std::vector<std::string> row = {runs[i].name};
    for (auto &[key, values] : keys)
      row.push_back(values[i]);
    table.add(std::move(row));
  }
  page.raw(table.html());
}
