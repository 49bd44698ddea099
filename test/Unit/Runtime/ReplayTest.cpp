//===- ReplayTest.cpp - Updates against plain double arithmetic -----------===//

#include "TestFiles.h"
#include "Toy.h"
#include "checkpoint/Safetensors.h"
#include "random/Philox.h"

#include <cmath>
#include <functional>

using namespace mixln::rt;

namespace {

constexpr int64_t kRows = 4, kLength = 6, kVocab = 11;

/// The bigram model and Adam, in double, without any of the runtime.
struct Reference {
  std::vector<double> w = std::vector<double>(kVocab * kVocab + kVocab);
  std::vector<double> g, m = w, v = w;
  double loss = 0, norm = 0;

  void gradients(const std::vector<int32_t> &ids,
                 const std::vector<int32_t> &labels) {
    g.assign(w.size(), 0);
    loss = 0;
    int64_t counted = 0;
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t row = 0; row < kRows; ++row)
        for (int64_t t = 0; t + 1 < kLength; ++t) {
          int32_t label = labels[row * kLength + t + 1];
          if (label < 0)
            continue;
          if (pass == 0)
            ++counted;
          else
            position(ids[row * kLength + t], label, 1.0 / double(counted));
        }
    norm = 0;
    for (double x : g)
      norm += x * x;
    norm = std::sqrt(norm);
  }

  void position(int32_t id, int32_t label, double scale) {
    std::vector<double> p(kVocab);
    double sum = 0;
    for (int64_t j = 0; j < kVocab; ++j)
      sum += p[j] = std::exp(w[id * kVocab + j] + w[kVocab * kVocab + j]);
    loss -= scale * std::log(p[label] / sum);
    for (int64_t j = 0; j < kVocab; ++j) {
      double d = scale * (p[j] / sum - (j == label));
      g[id * kVocab + j] += d;
      g[kVocab * kVocab + j] += d;
    }
  }

  void update(int n, double lr, double clip, double coupled, double decoupled) {
    double factor = clip > 0 ? std::min(1.0, clip / (norm + 1e-6)) : 1;
    for (size_t i = 0; i < w.size(); ++i) {
      double d = g[i] * factor + coupled * w[i];
      m[i] = 0.9 * m[i] + 0.1 * d;
      v[i] = 0.999 * v[i] + 0.001 * d * d;
      w[i] -= lr * decoupled * w[i];
      w[i] -= lr * (m[i] / (1 - std::pow(0.9, n))) /
              (std::sqrt(v[i] / (1 - std::pow(0.999, n))) + 1e-8);
    }
  }
};

struct Fixture {
  TestFolder folder;
  std::vector<int32_t> ids, labels;
  std::vector<float> weights = std::vector<float>(kVocab * kVocab + kVocab);

  Fixture() {
    fillNormal(streamKey(1, "weights"), 0, weights.size(), 0.5, weights.data());
    for (int64_t i = 0; i < kRows * kLength; ++i) {
      ids.push_back(static_cast<int32_t>((i * 7 + i * i) % kVocab));
      labels.push_back(ids.back());
    }
    labels[5] = labels[4] = labels[11] = -100;
    writeWeights(folder / "model.safetensors");
    writeIds(folder / "batch", ids, labels);
  }

  void writeWeights(const std::string &path) {
    writeSafetensors(
        path, {storeFrom(toy::kTable, "F32", {kVocab, kVocab}, weights.data()),
               storeFrom(toy::kBias, "F32", {kVocab},
                         weights.data() + kVocab * kVocab)});
  }
  static void writeIds(const std::string &path, const std::vector<int32_t> &ids,
                       const std::vector<int32_t> &labels) {
    writeSafetensors(
        path, {storeFrom("input_ids", "I32", {kRows, kLength}, ids.data()),
               storeFrom("labels", "I32", {kRows, kLength}, labels.data())});
  }
  CommandResult replay(int64_t batchSize, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {
        "replay",         "--weights", folder.path,   "--batch",
        folder / "batch", "--out",     folder / "out"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return runToy(arguments, batchSize, kLength, kVocab);
  }
  std::vector<float> result(const std::string &name) {
    SafetensorsFile file(folder / "out");
    const StoredTensor &stored = file.get(name, "F32");
    std::vector<float> values(stored.bytes / 4);
    file.read(stored, 0, values.data(), stored.bytes);
    return values;
  }
};

void expectClose(const std::vector<float> &found, const double *expected,
                 double tolerance, const char *what) {
  double error = 0, size = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    error += (found[i] - expected[i]) * (found[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  EXPECT_TRUE(std::sqrt(error) <= tolerance * std::sqrt(size))
      << what << ": " << std::sqrt(error / size);
}

} // namespace

TEST(Replay, AgreesWithDoubleArithmetic) {
  struct Case {
    std::vector<std::string> flags;
    double clip, coupled, decoupled;
  };
  const Case cases[] = {
      {{}, 1, 0, 0},
      {{"--grad_clipping", "0.05"}, 0.05, 0, 0},
      {{"--grad_clipping", "0", "--weight_decay", "0.1"}, 0, 0.1, 0},
      {{"--optimizer", "adamw", "--weight_decay", "0.1"}, 1, 0, 0.1},
  };
  for (const Case &c : cases)
    for (int64_t batchSize : {4, 2, 1}) {
      Fixture f;
      std::vector<std::string> flags = {"--steps", "3", "--lr", "1e-2",
                                        "--logits"};
      flags.insert(flags.end(), c.flags.begin(), c.flags.end());
      CommandResult run = f.replay(batchSize, flags);
      ASSERT_EQ(run.status, 0) << run.errors;
      Reference reference;
      reference.w.assign(f.weights.begin(), f.weights.end());
      std::vector<double> losses, norms, first;
      for (int n = 1; n <= 3; ++n) {
        reference.gradients(f.ids, f.labels);
        losses.push_back(reference.loss);
        norms.push_back(reference.norm);
        if (n == 1)
          first = reference.g;
        reference.update(n, 1e-2, c.clip, c.coupled, c.decoupled);
      }
      int64_t table = kVocab * kVocab;
      expectClose(f.result("loss"), losses.data(), 1e-6, "loss");
      expectClose(f.result("grad_norm"), norms.data(), 1e-5, "grad_norm");
      expectClose(f.result("layer_grad_norm"), norms.data(), 1e-5, "layer");
      expectClose(f.result(std::string("grad.") + toy::kTable), first.data(),
                  1e-5, "grad");
      expectClose(f.result(std::string("grad.") + toy::kBias), &first[table],
                  1e-5, "grad bias");
      expectClose(f.result(std::string("param.") + toy::kTable),
                  reference.w.data(), 1e-5, "param");
      expectClose(f.result(std::string("param.") + toy::kBias),
                  &reference.w[table], 1e-5, "param bias");
      std::vector<double> logits;
      for (int32_t id : f.ids)
        for (int64_t j = 0; j < kVocab; ++j)
          logits.push_back(double(f.weights[id * kVocab + j]) +
                           f.weights[table + j]);
      expectClose(f.result("logits"), logits.data(), 1e-6, "logits");
      SafetensorsFile out(f.folder / "out");
      EXPECT_EQ(out.get("logits", "F32").shape,
                (std::vector<int64_t>{kRows, kLength, kVocab}));
    }
}

TEST(Replay, ThreadsChangeNothing) {
  std::string one;
  for (const char *threads : {"1", "2", "3"}) {
    Fixture f;
    ASSERT_EQ(f.replay(2, {"--steps", "4", "--threads", threads}).status, 0);
    std::string bytes = readText(f.folder / "out");
    if (one.empty())
      one = bytes;
    EXPECT_EQ(bytes, one) << threads;
  }
}

TEST(Replay, BadInput) {
  using Change = std::function<void(Fixture &)>;
  struct Case {
    Change change;
    std::vector<std::string> flags;
    const char *part;
  };
  auto withId = [](int32_t id) {
    return [id](Fixture &f) {
      std::vector<int32_t> ids = f.ids;
      ids[8] = id;
      Fixture::writeIds(f.folder / "batch", ids, f.labels);
    };
  };
  auto withWeights = [](std::vector<TensorToStore> tensors) {
    return [tensors](Fixture &f) {
      writeSafetensors(f.folder / "model.safetensors", tensors);
    };
  };
  static std::vector<float> zeros(1000, 0.0f);
  auto table = storeFrom(toy::kTable, "F32", {kVocab, kVocab}, zeros.data());
  auto bias = storeFrom(toy::kBias, "F32", {kVocab}, zeros.data());
  auto extra = storeFrom("model.norm.weight", "F32", {3}, zeros.data());
  auto narrow = storeFrom(toy::kBias, "F32", {kVocab - 1}, zeros.data());
  auto wide = storeFrom(toy::kBias, "F64", {kVocab}, zeros.data());
  Change nothing = [](Fixture &) {};
  const Case cases[] = {
      {withId(kVocab), {}, "input_ids[1, 2] is 11, outside the vocabulary"},
      {withId(-1), {}, "input_ids[1, 2] is -1"},
      {[](Fixture &f) {
         std::vector<int32_t> labels = f.labels;
         labels[0] = -7;
         Fixture::writeIds(f.folder / "batch", f.ids, labels);
       },
       {},
       "labels[0, 0] is -7"},
      {[](Fixture &f) { writeText(f.folder / "batch", "x"); }, {}, "batch"},
      {withWeights({table}), {}, "has no tensor lm_head.bias"},
      {withWeights({table, bias, extra}),
       {},
       "tensor model.norm.weight [3] is not a parameter"},
      {withWeights({table, narrow}),
       {},
       "tensor lm_head.bias has shape [10], expected [11]"},
      {withWeights({table, wide}),
       {},
       "has dtype F64, expected F32, BF16 or F16"},
      {[](Fixture &f) {
         std::string bytes = readText(f.folder / "model.safetensors");
         writeText(f.folder / "model.safetensors",
                   bytes.substr(0, bytes.size() - 10));
       },
       {},
       "truncated"},
      {nothing, {"--weights", "/no/such"}, "no weights at /no/such"},
      {nothing, {"--out", "/no/such/out"}, "cannot write /no/such/out"},
      {nothing, {"--batch", "/no/such"}, "cannot open /no/such"},
      {nothing, {"--steps", "0"}, "--steps is '0'"},
      {nothing, {"--lr", "-1"}, "--lr is '-1'"},
      {nothing, {"--beta1", "1"}, "--beta1 is '1'"},
      {nothing, {"--threads", "0"}, "--threads is '0'"},
      {nothing, {"--threads", "100000"}, "expected at most 1024"},
  };
  for (const Case &c : cases) {
    Fixture f;
    c.change(f);
    CommandResult run = f.replay(2, c.flags);
    EXPECT_EQ(run.status, 2) << c.part;
    EXPECT_NE(run.errors.find(c.part), std::string::npos) << run.errors;
    EXPECT_EQ(f.folder.list(),
              (std::vector<std::string>{"batch", "model.safetensors"}));
  }
  Fixture f;
  CommandResult run = f.replay(3);
  EXPECT_EQ(run.status, 2);
  EXPECT_NE(run.errors.find("holds 4 rows, not a multiple"), std::string::npos)
      << run.errors;
}
