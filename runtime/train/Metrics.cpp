//===- Metrics.cpp --------------------------------------------------------===//

#include "train/Metrics.h"
#include "support/Errors.h"

#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::ordered_json;

MetricsFile::MetricsFile(const std::string &path)
    : path(path), file(std::fopen(path.c_str(), "ae")) {
  if (!file)
    badInput("cannot write ", path, ": ", systemError(errno));
}

MetricsFile::~MetricsFile() { std::fclose(file); }

void MetricsFile::writeLine(const std::string &line) {
  if (std::fputs((line + "\n").c_str(), file) < 0 || std::fflush(file) != 0)
    runFailed("cannot write ", path, ": ", systemError(errno));
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
