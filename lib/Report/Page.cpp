//===- Page.cpp - The report as one page ----------------------------------===//

#include "mixln/Report/Page.h"
#include "Html.h"
#include "Sections.h"
#include "mixln/Report/Placements.h"

#include <algorithm>

using namespace mixln::report;

namespace {
/// Files that the build embeds: the plotting library, our script and style.
const char *const plottingLibrary =
#define MIXLN_CHARTS
#include "EmbeddedPage.inc"
#undef MIXLN_CHARTS
    ;
const char *const pageScript =
#define MIXLN_SCRIPT
#include "EmbeddedPage.inc"
#undef MIXLN_SCRIPT
    ;
const char *const pageStyle =
#define MIXLN_STYLE
#include "EmbeddedPage.inc"
#undef MIXLN_STYLE
    ;
} // namespace

std::string mixln::report::renderPage(const std::vector<Run> &runs,
                                      const PageOptions &options) {
  Looks looks(runs);
  std::vector<Group> groups = groupOutcomes(runs);
  PageBuilder page;
  for (const std::string &note : options.notes)
    page.paragraph(note, "warning");
  addRuns(page, runs);
  addResults(page, groups);
  addDifferences(page, groups, baselineOf(runs, options.baseline));
  addLearningRates(page, groups, looks);
  addCurves(page, runs, looks);
  addLayers(page, runs, looks);
  addDrawings(page, runs);
  addConfigurations(page, runs);

  std::string title = escape(options.title);
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, "
         "initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
         "'none'; img-src data:; style-src 'unsafe-inline'; script-src "
         "'unsafe-inline'\">\n"
         "<title>" +
         title + "</title>\n<style>\n" + pageStyle +
         "</style></head>\n<body>\n<header><h1>" + title + "</h1></header>\n" +
         page.html() +
         "<noscript><p class=\"warning\">The charts need scripts; the tables "
         "do not.</p></noscript>\n"
         "<script type=\"application/json\" id=\"charts\">" +
         scriptJson(page.chartData()) + "</script>\n<script>" +
         plottingLibrary + "</script>\n<script>\n" + pageScript +
         "</script>\n</body></html>\n";
}
