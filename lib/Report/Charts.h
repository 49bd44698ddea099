//===- Charts.h - What the page's script draws ------------------*- C++ -*-===//
//
// A chart is data: page/report.js turns it into calls of the plotting library.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_REPORT_CHARTS_H
#define MIXLN_LIB_REPORT_CHARTS_H

#include "mixln/Report/Downsample.h"
#include "mixln/Report/Run.h"

#include <optional>
#include <string>
#include <vector>

namespace mixln::report {

struct Axis {
  std::string label;
  bool logarithmic = false;
  bool whole = false; ///< ticks at whole numbers only
};

struct Series {
  std::string name;
  size_t color = 0;
  size_t dash = 0;
  Points points;
  bool markers = false; ///< draw the points themselves
  bool line = true;
};

struct Figure {
  std::string title;
  std::string note; ///< how to read it; may be empty
  nlohmann::ordered_json chart;
};

Figure lines(const std::string &title, const Axis &x, const Axis &y,
             const std::vector<Series> &series, const std::string &note = "");

/// Cells [row][column]; rows are drawn from the bottom up.
Figure heatMap(const std::string &title, const Axis &x,
               const std::vector<std::string> &columns, const Axis &y,
               double firstRow, const Matrix &cells, const Axis &value,
               const std::string &note = "");

/// Gives heat maps of one measurement the same colors for the same values.
void shareColors(std::vector<Figure> &figures);

/// Means with their intervals, one line each.
struct Interval {
  std::string name;
  double mean, low, high;
};
Figure intervals(const std::string &title, const Axis &x,
                 const std::vector<Interval> &items,
                 const std::string &note = "");

/// How a run is drawn in every chart: a color a placement, a dash a learning
/// rate.
class Looks {
public:
  explicit Looks(const std::vector<Run> &runs);
  Series of(const Run &run) const;
  size_t colorOf(const std::string &placement) const;

private:
  std::vector<std::string> placements;
  std::vector<std::string> rates;
};

// Charts by topic; a topic without data has none.

std::vector<Figure> lossCurves(const std::vector<Run> &runs,
                               const Looks &looks);
std::vector<Figure> gradientCurves(const std::vector<Run> &runs,
                                   const Looks &looks);
std::vector<Figure> throughputCurves(const std::vector<Run> &runs,
                                     const Looks &looks);
/// A field by layer, the runs beside each other, at their last measurement.
std::optional<Figure> fieldByLayer(const std::vector<Run> &runs,
                                   const Looks &looks,
                                   const std::string &field);
/// A field of one run by layer over time; none with fewer than two steps.
std::optional<Figure> fieldOverTime(const Run &run, const std::string &field);
/// Heat map of angular distances and, for all runs, the curve of n = 1.
std::vector<Figure> angularDistances(const std::vector<Run> &runs,
                                     const Looks &looks);

/// "update_ratio.ffn" as "update ratio: ffn".
std::string words(std::string name);

} // namespace mixln::report

#endif // MIXLN_LIB_REPORT_CHARTS_H
