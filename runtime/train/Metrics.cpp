//===- Metrics.cpp --------------------------------------------------------===//

#include "train/Metrics.h"
#include "checkpoint/OutputFile.h"
#include "support/Errors.h"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::ordered_json;

MetricsFile::MetricsFile(const std::string &path, int64_t step) : path(path) {
  keepUpTo(step);
  file = std::fopen(path.c_str(), "ae");
  if (!file)
    badInput("cannot write ", path, ": ", systemError(errno));
}

/// A run that was killed has lines of updates that it did not save, and
/// perhaps half a line.
void MetricsFile::keepUpTo(int64_t step) {
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  if (!in && !std::filesystem::exists(path, error))
    return;
  if (!in)
    badInput("cannot open ", path, ": ", systemError(errno));
  OutputFile out(path);
  std::string text;
  while (std::getline(in, text)) {
    auto line = nlohmann::json::parse(text, nullptr, false);
    if (in.eof() || !line.is_object() || !line.contains("step") ||
        !line["step"].is_number_integer() || line["step"].get<int64_t>() > step)
      continue;
    if (line.contains("eval_loss"))
      lastEvaluation = line["step"].get<int64_t>();
    out.write(text + "\n");
  }
  // What could not be read now may be readable later.
  if (in.bad())
    badInput("cannot read ", path);
  out.commit();
}

void MetricsFile::sync() {
  if (fsync(fileno(file)) != 0 && errno != EINVAL)
    writeFailed("cannot sync ", path, ": ", systemError(errno));
}

MetricsFile::~MetricsFile() { std::fclose(file); }

void MetricsFile::writeLine(const std::string &line) {
  if (std::fputs((line + "\n").c_str(), file) < 0 || std::fflush(file) != 0)
    writeFailed("cannot write ", path, ": ", systemError(errno));
}

void MetricsFile::write(const StepMetrics &metrics) {
  ordered_json line = {{"step", metrics.step},
                       {"loss", metrics.loss},
                       {"lr", metrics.lr},
                       {"grad_norm", metrics.gradNorm},
                       {"tokens", metrics.tokens},
                       {"epoch", metrics.epoch},
                       {"tokens_per_second", metrics.tokensPerSecond},
                       {"step_seconds", metrics.stepSeconds}};
  if (metrics.zLoss)
    line["z_loss"] = *metrics.zLoss;
  if (metrics.skipped)
    line["skipped"] = metrics.skipped;
  writeLine(line.dump());
}

void MetricsFile::write(int64_t step, const Evaluation &evaluation) {
  ordered_json line = {{"step", step},
                       {"eval_loss", evaluation.loss},
                       {"eval_perplexity", std::exp(evaluation.loss)},
                       {"eval_tokens", evaluation.tokens},
                       {"eval_id", evaluation.id}};
  writeLine(line.dump());
}
