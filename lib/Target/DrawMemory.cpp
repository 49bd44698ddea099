//===- DrawMemory.cpp - A picture of a step's memory ----------------------===//

#include "mixln/Target/DrawMemory.h"

#include "mixln-rt/memory-map.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace llvm;
using namespace mixln;

static constexpr double kWidth = 1400, kHeight = 800;
static constexpr double kLeft = 90, kRight = 190, kTop = 50, kBottom = 60;

static StringRef colourOf(rt::MemoryKind kind) {
  switch (kind) {
  case rt::MemoryKind::Parameter:
    return "#4e79a7";
  case rt::MemoryKind::Gradient:
    return "#e15759";
  case rt::MemoryKind::Moment:
    return "#b0bec9";
  case rt::MemoryKind::OtherVariable:
    return "#79706e";
  case rt::MemoryKind::Packed:
    return "#9c755f";
  case rt::MemoryKind::Activation:
    return "#59a14f";
  case rt::MemoryKind::Recomputed:
    return "#8cd17d";
  case rt::MemoryKind::Temporary:
    return "#f28e2b";
  case rt::MemoryKind::Workspace:
    return "#b07aa1";
  }
  llvm_unreachable("all kinds are listed");
}

static std::string escape(StringRef text) {
  std::string out;
  raw_string_ostream stream(out);
  printHTMLEscaped(text, stream);
  return out;
}

static std::string mebibytes(int64_t bytes) {
  return formatv("{0:F2} MiB", static_cast<double>(bytes) / (1 << 20)).str();
}

namespace {
class Drawing {
public:
  Drawing(const rt::Program &program, const rt::Entry &entry, raw_ostream &os)
      : program(program), entry(entry), boxes(rt::mapMemory(program, entry)),
        peak(rt::findMemoryPeak(program, entry)), os(os) {}

  void draw();

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
  void text(double atX, double atY, StringRef anchor, const Twine &words) {
    os << formatv("<text x=\"{0:F1}\" y=\"{1:F1}\" text-anchor=\"{2}\">{3}"
                  "</text>\n",
                  atX, atY, anchor, escape(words.str()));
  }
  void drawBoxes();
  void drawAxes();
  void drawLegend();

  const rt::Program &program;
  const rt::Entry &entry;
  std::vector<rt::MemoryBox> boxes;
  rt::MemoryPeak peak;
  raw_ostream &os;
};
} // namespace

void Drawing::drawBoxes() {
  for (const rt::MemoryBox &box : boxes) {
    double left = x(static_cast<double>(box.begin));
    double right = x(static_cast<double>(box.end + 1));
    double top = y(static_cast<double>(box.offset + box.bytes));
    double bottom = y(static_cast<double>(box.offset));
    // What is too small to see only makes the file large.
    if (bottom - top < 0.05)
      continue;
    os << formatv("<rect x=\"{0:F1}\" y=\"{1:F2}\" width=\"{2:F1}\" "
                  "height=\"{3:F2}\" class=\"{4}\"{10}><title>{5} ({6}): {7}, "
                  "dispatches {8} to {9}</title></rect>\n",
                  left, top, std::max(right - left, 0.5), bottom - top,
                  rt::memoryKindName(box.kind), escape(box.name),
                  rt::memoryKindName(box.kind), mebibytes(box.bytes), box.begin,
                  box.end, bottom - top < 3 ? " stroke=\"none\"" : "");
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
    os << formatv("<line x1=\"{0:F1}\" x2=\"{1:F1}\" y1=\"{2:F1}\" "
                  "y2=\"{2:F1}\" class=\"axis\"/>\n",
                  kLeft - 5, kWidth - kRight, at);
    text(kLeft - 8, at + 4, "end",
         formatv(step < 1 ? "{0:F2} MiB" : "{0:F0} MiB", mark).str());
  }
  size_t count = entry.dispatches.size();
  size_t every = std::max<size_t>(1, count / 10);
  for (size_t i = 0; i < count; i += every)
    text(x(static_cast<double>(i)), kHeight - kBottom + 18, "middle",
         std::to_string(i));
  text((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle",
       "dispatch of " + entry.name);
  double at = x(static_cast<double>(peak.dispatch) + 0.5);
  os << formatv("<line x1=\"{0:F1}\" x2=\"{0:F1}\" y1=\"{1:F1}\" "
                "y2=\"{2:F1}\" class=\"peak\"/>\n",
                at, kTop, kHeight - kBottom);
}

void Drawing::drawLegend() {
  double left = kWidth - kRight + 15, at = kTop + 10;
  text(left, at, "start", "held at dispatch " + Twine(peak.dispatch) + ":");
  for (int kind = rt::kMemoryKinds - 1; kind >= 0; --kind) {
    at += 36;
    os << formatv("<rect x=\"{0:F1}\" y=\"{1:F1}\" width=\"14\" "
                  "height=\"14\" class=\"{2}\"/>\n",
                  left, at - 11,
                  rt::memoryKindName(static_cast<rt::MemoryKind>(kind)));
    std::string name = rt::memoryKindName(static_cast<rt::MemoryKind>(kind));
    std::replace(name.begin(), name.end(), '_', ' ');
    text(left + 20, at, "start", name);
    text(left + 20, at + 15, "start", mebibytes(peak.bytes[kind]));
  }
  at += 50;
  text(left, at, "start", "held " + mebibytes(peak.total()));
  text(left, at + 16, "start", "reaches " + mebibytes(peak.reach));
}

void Drawing::draw() {
  os << formatv("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:F0}\" "
                "height=\"{1:F0}\" viewBox=\"0 0 {0:F0} {1:F0}\">\n<style>\n"
                "text {{ font: 12px sans-serif; fill: #222; stroke: none }\n"
                "svg {{ stroke: #fff; stroke-width: 0.3 }\n"
                ".axis {{ stroke: #888; stroke-width: 0.5; "
                "stroke-dasharray: 2 4 }\n"
                ".peak {{ stroke: #000; stroke-width: 1; "
                "stroke-dasharray: 6 3 }\n",
                kWidth, kHeight);
  for (int kind = 0; kind < rt::kMemoryKinds; ++kind)
    os << "." << rt::memoryKindName(static_cast<rt::MemoryKind>(kind))
       << " { fill: " << colourOf(static_cast<rt::MemoryKind>(kind)) << " }\n";
  os << "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  text(kLeft, 28, "start",
       "memory of a step: norm " + program.norm + ", " + program.dtype +
           ", micro-batch " + Twine(program.batchSize) + ", T " +
           Twine(program.seqLen) + "; hover a box for its value");
  drawBoxes();
  drawAxes();
  drawLegend();
  os << "</svg>\n";
}

void mixln::drawMemoryMap(const rt::Program &program, StringRef entry,
                          raw_ostream &os) {
  for (const rt::Entry &candidate : program.entries)
    if (candidate.name == entry)
      Drawing(program, candidate, os).draw();
}
