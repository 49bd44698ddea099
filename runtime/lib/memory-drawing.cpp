//===- memory-drawing.cpp - A picture of a step's memory ------------------===//

#include "mixln-rt/memory-drawing.h"

#include "mixln-rt/memory-map.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace mixln::rt;

static constexpr double kWidth = 1400, kHeight = 800;
static constexpr double kLeft = 90, kRight = 190, kTop = 50, kBottom = 60;

static const char *colourOf(MemoryKind kind) {
  switch (kind) {
  case MemoryKind::Parameter:
    return "#4e79a7";
  case MemoryKind::Gradient:
    return "#e15759";
  case MemoryKind::Moment:
    return "#b0bec9";
  case MemoryKind::OtherVariable:
    return "#79706e";
  case MemoryKind::Packed:
    return "#9c755f";
  case MemoryKind::Activation:
    return "#59a14f";
  case MemoryKind::Recomputed:
    return "#8cd17d";
  case MemoryKind::Temporary:
    return "#f28e2b";
  case MemoryKind::Workspace:
    return "#b07aa1";
  }
  return "";
}

static std::string escape(const std::string &text) {
  std::string out;
  for (char c : text)
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  return out;
}

static std::string fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

static std::string mebibytes(int64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 20), 2) + " MiB";
}

/// ` name="number"`, with one digit unless said.
static std::string attribute(const char *name, double number, int digits = 1) {
  return std::string(" ") + name + "=\"" + fixed(number, digits) + "\"";
}

namespace {
class Drawing {
public:
  Drawing(const Program &program, const Entry &entry)
      : program(program), entry(entry), boxes(mapMemory(program, entry)),
        peak(findMemoryPeak(program, entry)) {}

  std::string draw();

private:
  double x(double dispatch) const {
    return kLeft + dispatch * (kWidth - kLeft - kRight) /
                       static_cast<double>(
                           std::max<size_t>(entry.dispatches.size(), 1));
  }
  double y(double offset) const {
    return kHeight - kBottom -
           offset * (kHeight - kTop - kBottom) /
               static_cast<double>(std::max<int64_t>(peak.reach, 1));
  }
  void text(double atX, double atY, const char *anchor,
            const std::string &words) {
    svg += "<text" + attribute("x", atX) + attribute("y", atY) +
           " text-anchor=\"" + anchor + "\">" + escape(words) + "</text>\n";
  }
  void drawStyle();
  void drawBoxes();
  void drawAxes();
  void drawLegend();

  const Program &program;
  const Entry &entry;
  std::vector<MemoryBox> boxes;
  MemoryPeak peak;
  std::string svg;
};
} // namespace

void Drawing::drawStyle() {
  svg += "<style>\ntext { font: 12px sans-serif; fill: #222; stroke: none }\n"
         "svg { stroke: #fff; stroke-width: 0.3 }\n"
         ".axis { stroke: #888; stroke-width: 0.5; stroke-dasharray: 2 4 }\n"
         ".peak { stroke: #000; stroke-width: 1; stroke-dasharray: 6 3 }\n";
  for (int i = 0; i < kMemoryKinds; ++i) {
    auto kind = static_cast<MemoryKind>(i);
    svg += std::string(".") + memoryKindName(kind) +
           " { fill: " + colourOf(kind) + " }\n";
  }
  svg += "</style>\n";
}

void Drawing::drawBoxes() {
  for (const MemoryBox &box : boxes) {
    double left = x(static_cast<double>(box.begin));
    double right = x(static_cast<double>(box.end + 1));
    double top = y(static_cast<double>(box.offset + box.bytes));
    double bottom = y(static_cast<double>(box.offset));
    // What is too small to see only makes the file large.
    if (bottom - top < 0.05)
      continue;
    std::string kind = memoryKindName(box.kind);
    svg += "<rect" + attribute("x", left) + attribute("y", top, 2) +
           attribute("width", std::max(right - left, 0.5)) +
           attribute("height", bottom - top, 2) + " class=\"" + kind + "\"" +
           (bottom - top < 3 ? " stroke=\"none\"" : "") + "><title>" +
           escape(box.name) + " (" + kind + "): " + mebibytes(box.bytes) +
           ", dispatches " + std::to_string(box.begin) + " to " +
           std::to_string(box.end) + "</title></rect>\n";
  }
}

void Drawing::drawAxes() {
  double most = static_cast<double>(peak.reach) / (1 << 20);
  double step = std::pow(10, std::floor(std::log10(std::max(most, 1e-3))));
  if (most / step < 2)
    step /= 5;
  else if (most / step < 5)
    step /= 2;
  for (double mark = 0; mark <= most; mark += step) {
    double at = y(mark * (1 << 20));
    svg += "<line" + attribute("x1", kLeft - 5) +
           attribute("x2", kWidth - kRight) + attribute("y1", at) +
           attribute("y2", at) + " class=\"axis\"/>\n";
    text(kLeft - 8, at + 4, "end", fixed(mark, step < 1 ? 2 : 0) + " MiB");
  }
  size_t count = entry.dispatches.size();
  size_t every = std::max<size_t>(1, count / 10);
  for (size_t i = 0; i < count; i += every)
    text(x(static_cast<double>(i)), kHeight - kBottom + 18, "middle",
         std::to_string(i));
  text((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle",
       "dispatch of " + entry.name);
  double at = x(static_cast<double>(peak.dispatch) + 0.5);
  svg += "<line" + attribute("x1", at) + attribute("x2", at) +
         attribute("y1", kTop) + attribute("y2", kHeight - kBottom) +
         " class=\"peak\"/>\n";
}

void Drawing::drawLegend() {
  double left = kWidth - kRight + 15, at = kTop + 10;
  text(left, at, "start",
       "held at dispatch " + std::to_string(peak.dispatch) + ":");
  for (int kind = kMemoryKinds - 1; kind >= 0; --kind) {
    std::string name = memoryKindName(static_cast<MemoryKind>(kind));
    at += 36;
    svg += "<rect" + attribute("x", left) + attribute("y", at - 11) +
           " width=\"14\" height=\"14\" class=\"" + name + "\"/>\n";
    std::replace(name.begin(), name.end(), '_', ' ');
    text(left + 20, at, "start", name);
    text(left + 20, at + 15, "start", mebibytes(peak.bytes[kind]));
  }
  at += 50;
  text(left, at, "start", "held " + mebibytes(peak.total()));
  text(left, at + 16, "start", "reaches " + mebibytes(peak.reach));
}

std::string Drawing::draw() {
  std::string width = fixed(kWidth, 0), height = fixed(kHeight, 0);
  svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width +
        "\" height=\"" + height + "\" viewBox=\"0 0 " + width + " " + height +
        "\">\n";
  drawStyle();
  svg += "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  text(kLeft, 28, "start",
       "memory of a step: norm " + program.norm + ", " + program.dtype +
           ", micro-batch " + std::to_string(program.batchSize) + ", T " +
           std::to_string(program.seqLen) + "; hover a box for its value");
  drawBoxes();
  drawAxes();
  drawLegend();
  return svg + "</svg>\n";
}

std::string mixln::rt::drawMemory(const Program &program) {
  for (const Entry &entry : program.entries)
    if (entry.name == "gradient")
      return Drawing(program, entry).draw();
  return "";
}
