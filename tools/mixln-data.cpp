//===- mixln-data.cpp - Prepares text for training ------------------------===//

#include "checkpoint/OutputFile.h"
#include "cli/Flags.h"
#include "cli/SharedFlags.h"
#include "data/Files.h"
#include "datatool/C4.h"
#include "datatool/Tokenize.h"
#include "datatool/TrainTokenizer.h"
#include "support/Errors.h"
#include "support/Terminal.h"

#include <cstdio>
#include <memory>

using namespace mixln::rt;

static int tokenize(const std::vector<std::string> &arguments) {
  Flags flags("mixln-data tokenize",
              "Encodes text once, into a .bin file that training reads fast.");
  std::string data, tokenizer, packing = "pad", out;
  int64_t length = 256;
  flags.text("data", data, "glob of JSON-lines files (.json.gz, .jsonl)");
  flags.text("tokenizer", tokenizer, "sentencepiece model");
  flags.count("seq_len", length, 2, "tokens of a row", {"max_length"});
  flags.choice("packing", packing, {"pad", "concat"},
               "a document a row, or documents end to end");
  flags.text("out", out, "file to write");
  if (!flags.parse(arguments))
    return ExitDone;
  for (auto [name, value] :
       {std::pair("--data", &data), std::pair("--tokenizer", &tokenizer),
        std::pair("--out", &out)})
    if (value->empty())
      badInput(name, " is required");
  constexpr int64_t kMostTokens = int64_t(1) << 20;
  if (length > kMostTokens)
    badInput("--seq_len is ", length, ", expected at most ", kMostTokens);
  naming("--out", [&] { checkWritableFile(out); });
  auto pieces = naming("--tokenizer",
                       [&] { return std::make_unique<Tokenizer>(tokenizer); });
  TokenizeResult result = tokenizeFiles(expandGlob("--data", data), *pieces,
                                        packingOf(packing), length, out);
  std::printf("%s: %lld rows of %lld tokens, %lld counted labels\n",
              out.c_str(), static_cast<long long>(result.rows),
              static_cast<long long>(length),
              static_cast<long long>(result.counted));
  return ExitDone;
}

static int trainTokenizerCommand(const std::vector<std::string> &arguments) {
  Flags flags("mixln-data train-tokenizer",
              "Trains a sentencepiece tokenizer with T5's special pieces.");
  std::string data;
  TokenizerOptions options;
  flags.text("data", data, "glob of JSON-lines files (.json.gz, .jsonl)");
  flags.count("vocab_size", options.vocabSize, 8, "number of pieces");
  flags.count("documents", options.documents, 1, "read at most this many");
  flags.text("out", options.out, "file to write");
  if (!flags.parse(arguments))
    return ExitDone;
  if (data.empty())
    badInput("--data is required");
  if (options.out.empty())
    badInput("--out is required");
  options.files = expandGlob("--data", data);
  trainTokenizer(options);
  std::printf("%s: %lld pieces\n", options.out.c_str(),
              static_cast<long long>(options.vocabSize));
  return ExitDone;
}

static int c4Command(const std::vector<std::string> &arguments) {
  Flags flags("mixln-data c4",
              "Finds, checks and fetches shards of the C4 data set (English): "
              "in the hub cache (HF_HUB_CACHE, HF_HOME) and in a folder of its "
              "own. MIXLN_C4_URL names another server.");
  std::string fetch, folder = c4Folder(), data;
  bool list = false, verify = false;
  flags.toggle("list", list, "what is here, what could be fetched, its sizes");
  flags.toggle("verify", verify,
               "gzip's checksums and the JSON of every line of all shards that "
               "are here");
  flags.text("fetch", fetch,
             "SPLIT[:FIRST-LAST], train or validation; or any: one shard, "
             "whichever is here. Prints the paths");
  flags.text("dir", folder, "where fetched shards go");
  flags.text("data", data, "verify these files instead; a quoted pattern");
  if (!flags.parse(arguments))
    return ExitDone;
  if (list + verify + !fetch.empty() != 1)
    badInput("give one of --list, --verify and --fetch");
  if (!data.empty() && !verify)
    badInput("--data ", data, " belongs to --verify");
  if (list)
    return listC4(folder);
  if (verify) {
    std::vector<std::string> paths;
    if (!data.empty())
      paths = expandGlob("--data", data);
    else
      for (auto &[shard, path] : findC4(folder))
        paths.push_back(path);
    if (paths.empty())
      badInput("no shard is here, neither in ", folder,
               " nor in the hub cache; --fetch gets them");
    return verifyC4(paths);
  }
  return fetchC4(fetch, folder);
}

static const char *const usage =
    "usage: mixln-data tokenize --data GLOB --tokenizer FILE --seq_len T "
    "--packing pad|concat --out FILE.bin\n"
    "       mixln-data train-tokenizer --data GLOB --vocab_size N --out FILE\n"
    "       mixln-data c4 --list | --verify | --fetch SPLIT[:FIRST-LAST]\n";

static int run(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    std::fputs(usage, stderr);
    return ExitBadInput;
  }
  std::string command = arguments.front();
  arguments.erase(arguments.begin());
  if (command == "--help" || command == "-h") {
    std::fputs(usage, stdout);
    return ExitDone;
  }
  if (command == "tokenize")
    return tokenize(arguments);
  if (command == "train-tokenizer" || command == "train_tokenizer")
    return trainTokenizerCommand(arguments);
  if (command == "c4")
    return c4Command(arguments);
  std::string near = nearest(command, {"tokenize", "train-tokenizer", "c4"});
  badInput("unknown command '", command, "'",
           near.empty() ? "" : ", did you mean " + near + "?");
}

int main(int argc, char **argv) {
  try {
    int status = run({argv + 1, argv + argc});
    if (status == ExitDone)
      finishStandardOutput();
    return status;
  } catch (const InputError &error) {
    std::fprintf(stderr, "mixln-data: %s\n", error.what());
    return ExitBadInput;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "mixln-data: %s\n", error.what());
    return ExitFailed;
  }
}
