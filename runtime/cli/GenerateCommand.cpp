//===- GenerateCommand.cpp ------------------------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/Safetensors.h"
#include "cli/OwnRun.h"
#include "cli/SharedFlags.h"
#include "data/Chat.h"
#include "data/Files.h"
#include "generate/Decoder.h"
#include "generate/Sampler.h"
#include "support/Errors.h"
#include "train/RunFolder.h"
#include "train/Signals.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

using namespace mixln::rt;
using nlohmann::ordered_json;

namespace {

struct GenerateFlags {
  std::string prompt, promptFile, promptIds, checkpoint, tokenizer, out;
  int64_t newTokens = 0, samples = 1, seed = 0;
  bool chat = false, asJson = false;
  Sampling sampling;
  ThreadFlags threads;
  DeviceFlags device;

  void add(Flags &flags);
  void takeFromRun(const OwnRun &run);
  /// The text that is gone on from.
  std::string text(const Flags &flags) const;
};

/// What was generated, on standard output.
class Printer {
public:
  Printer(const Tokenizer *tokenizer, std::vector<int32_t> prompt, bool streams)
      : tokenizer(tokenizer), prompt(std::move(prompt)), streams(streams) {}

  void begin();
  void add(int32_t id);
  void end();
  /// Of the new tokens.
  std::string text() const;

private:
  std::string textOf(const std::vector<int32_t> &ids) const;
  /// What `text` has beyond what is printed.
  void printRest(const std::string &text);

  const Tokenizer *tokenizer;
  std::vector<int32_t> prompt, ids;
  bool streams;
  std::string printed;
};

} // namespace

void GenerateFlags::add(Flags &flags) {
  flags.text("prompt", prompt, "text to go on from");
  flags.text("prompt_file", promptFile, "file with that text");
  flags.text(
      "prompt_ids", promptIds,
      "token ids to go on from, separated by commas; needs no tokenizer");
  flags.toggle("chat", chat,
               "the prompt is what a user says: the model answers as it was"
               " fine-tuned to (docs/FineTuning.md)");
  flags.text("checkpoint", checkpoint,
             "folder with model.safetensors, or a run's; in a run folder"
             " default: its newest checkpoint",
             {"weights"});
  flags.text("tokenizer", tokenizer,
             "sentencepiece model; default: the checkpoint's");
  flags.count("max_new_tokens", newTokens, 0,
              "tokens to generate at most; 0 = as many as fit into seq_len");
  flags.number("temperature", sampling.temperature, 0, 1e6,
               "divides the logits; 0 = always the most probable token");
  flags.count("top_k", sampling.topK, 0,
              "draw from the k most probable tokens; 0 = from all");
  flags.number("top_p", sampling.topP, 0, 1,
               "draw from the fewest of them that reach this probability");
  flags.count("seed", seed, 0, "of the draws");
  flags.count("num_samples", samples, 1, "texts to generate");
  flags.toggle("json", asJson, "a JSON line for each text");
  flags.text("out", out,
             "also write ids and logits of the first text's positions;"
             " safetensors");
  threads.add(flags);
  device.add(flags);
}

void GenerateFlags::takeFromRun(const OwnRun &run) {
  if (checkpoint.empty()) {
    checkpoint = newestCheckpointOf(run.folder);
    if (checkpoint.empty())
      badInput("--checkpoint is required: ", run.folder,
               " holds no whole checkpoint");
  }
  if (tokenizer.empty())
    tokenizer = run.tokenizer();
}

std::string GenerateFlags::text(const Flags &flags) const {
  if (flags.given("prompt") == flags.given("prompt_file"))
    badInput("one of --prompt, --prompt_file and --prompt_ids is required");
  if (flags.given("prompt"))
    return prompt;
  constexpr size_t kMostBytes = size_t(64) << 20;
  std::string text = naming(
      "--prompt_file", [&] { return readWholeFile(promptFile, kMostBytes); });
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

static std::vector<int32_t> parseIds(const std::string &text,
                                     int64_t vocabSize) {
  std::vector<int32_t> ids;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    int64_t id = -1;
    std::string one = text.substr(at, end - at);
    if (!parseCount(one, id) || id < 0 || id >= vocabSize)
      badInput("--prompt_ids ", text, " has '", one,
               "', expected ids from 0 to ", vocabSize - 1,
               " separated by commas");
    ids.push_back(static_cast<int32_t>(id));
    at = end + 1;
  }
  return ids;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

/// How many bytes of whole characters both texts begin with.
static size_t commonPrefix(std::string_view a, std::string_view b) {
  auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  auto size = static_cast<size_t>(ends.first - a.begin());
  auto isInside = [](std::string_view text, size_t at) {
    return at < text.size() && (text[at] & 0xC0) == 0x80;
  };
  while (size > 0 && (isInside(a, size) || isInside(b, size)))
    --size;
  return size;
}

/// What stands for bytes that are no character, or not a whole one yet.
static constexpr std::string_view kNoCharacter = "\xEF\xBF\xBD";

std::string Printer::textOf(const std::vector<int32_t> &tokens) const {
  if (tokenizer)
    return tokenizer->decode(tokens);
  std::string text;
  for (int32_t id : tokens)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

void Printer::printRest(const std::string &text) {
  std::fputs(text.c_str() + commonPrefix(text, printed), stdout);
  std::fflush(stdout);
  printed = text;
}

void Printer::begin() {
  ids = prompt;
  printed.clear();
  if (!streams)
    return;
  std::string text = textOf(ids);
  while (text.ends_with(kNoCharacter))
    text.resize(text.size() - kNoCharacter.size());
  printRest(text);
}

void Printer::add(int32_t id) {
  ids.push_back(id);
  if (!streams)
    return;
  std::string text = textOf(ids);
  if (!text.ends_with(kNoCharacter) && text.size() >= printed.size())
    printRest(text);
}

void Printer::end() {
  if (streams)
    printRest(textOf(ids) + "\n");
}

std::string Printer::text() const {
  if (!tokenizer)
    return textOf(
        {ids.begin() + static_cast<std::ptrdiff_t>(prompt.size()), ids.end()});
  // Together: a piece's text depends on those before it.
  std::string whole = textOf(ids);
  return whole.substr(commonPrefix(whole, textOf(prompt)));
}

//===----------------------------------------------------------------------===//
// Command
//===----------------------------------------------------------------------===//

namespace {

/// One or more continuations of a prompt.
class Generation {
public:
  Generation(Decoder &decoder, const GenerateFlags &flags,
             std::vector<int32_t> prompt, const Tokenizer *tokenizer,
             std::set<int32_t> ends)
      : decoder(decoder), flags(flags), prompt(std::move(prompt)),
        ends(std::move(ends)), printer(tokenizer, this->prompt, !flags.asJson) {
  }

  /// False when it was stopped.
  bool run();

private:
  bool sample(int64_t number, std::vector<float> logits);
  void writeOut() const;

  Decoder &decoder;
  const GenerateFlags &flags;
  std::vector<int32_t> prompt;
  std::set<int32_t> ends; ///< tokens that end a text
  Printer printer;
  /// Of the first sample.
  std::vector<int32_t> ids;
  std::vector<float> allLogits;
};

} // namespace

bool Generation::sample(int64_t number, std::vector<float> logits) {
  printer.begin();
  std::vector<int32_t> made;
  std::string reason = "length";
  while (static_cast<int64_t>(made.size()) < flags.newTokens) {
    if (stopRequested())
      return false;
    auto position = static_cast<int64_t>(prompt.size() + made.size());
    int32_t id = drawToken(logits, flags.sampling, number, position);
    if (number == 0)
      allLogits.insert(allLogits.end(), logits.begin(), logits.end());
    made.push_back(id);
    if (ends.count(id)) {
      reason = "eos";
      break;
    }
    printer.add(id);
    if (static_cast<int64_t>(made.size()) < flags.newTokens)
      logits = decoder.next(id);
  }
  printer.end();
  if (flags.asJson) {
    ordered_json line = {{"sample", number},
                         {"text", printer.text()},
                         {"ids", made},
                         {"prompt_tokens", prompt.size()},
                         {"finish", reason}};
    auto replace = ordered_json::error_handler_t::replace;
    std::printf("%s\n", line.dump(-1, ' ', false, replace).c_str());
    std::fflush(stdout);
  }
  if (number == 0)
    ids = made;
  return true;
}

void Generation::writeOut() const {
  auto count = static_cast<int64_t>(ids.size());
  auto width = static_cast<int64_t>(allLogits.size()) / count;
  writeSafetensors(flags.out, {storeFrom("ids", "I32", {count}, ids.data()),
                               storeFrom("logits", "F32", {count, width},
                                         allLogits.data())});
}

bool Generation::run() {
  std::vector<float> logits = decoder.begin(prompt);
  for (int64_t i = 0; i < flags.samples; ++i) {
    decoder.rewind(static_cast<int64_t>(prompt.size()));
    if (!sample(i, logits))
      return false;
  }
  if (!flags.out.empty())
    writeOut();
  return true;
}

/// The tokens that end a text: the tokenizer's, else those of the model's
/// config, a number or a list of them.
static std::set<int32_t> endsOf(const Tokenizer *tokenizer,
                                const Program &program) {
  if (tokenizer)
    return {tokenizer->endOfDocument()};
  ordered_json config = ordered_json::parse(program.configJson, nullptr, false);
  if (!config.is_object() || !config.contains("eos_token_id"))
    return {};
  const ordered_json &given = config["eos_token_id"];
  ordered_json list = given.is_array() ? given : ordered_json::array({given});
  std::set<int32_t> ends;
  for (const ordered_json &id : list)
    if (id.is_number_integer() && id >= 0 && id < program.vocabSize)
      ends.insert(id.get<int32_t>());
  return ends;
}

static void checkLength(GenerateFlags &generate, int64_t prompt,
                        int64_t capacity) {
  if (prompt >= capacity)
    badInput("the prompt has ", prompt,
             " tokens, and this executable was"
             " compiled for seq_len ",
             capacity,
             ": no token can follow; compile with a larger --seq_len");
  if (generate.newTokens == 0)
    generate.newTokens = capacity - prompt;
  if (generate.newTokens > capacity - prompt)
    badInput("the prompt of ", prompt, " tokens and --max_new_tokens ",
             generate.newTokens, " are more than the ", capacity,
             " (seq_len) that this executable was compiled for");
}

int mixln::rt::generateCommand(const Executable &executable,
                               const Arguments &arguments) {
  const Program &program = executable.program;
  Flags flags(executable.name + " generate",
              "Goes on from a text, token by token. In a run folder, weights"
              " and tokenizer default to the run's.");
  GenerateFlags generate;
  generate.add(flags);
  if (!flags.parse(arguments))
    return ExitDone;
  bool asIds = flags.given("prompt_ids");
  if (asIds && (flags.given("prompt") || flags.given("prompt_file")))
    badInput("--prompt_ids excludes --prompt and --prompt_file");
  if (asIds && generate.chat)
    badInput("--chat needs --prompt or --prompt_file");
  std::string text = asIds ? "" : generate.text(flags);
  if (auto run = findOwnRun(executable))
    generate.takeFromRun(*run);
  if (generate.checkpoint.empty())
    badInput("--checkpoint is required");
  std::error_code error;
  if (std::filesystem::exists(generate.checkpoint + "/run.json", error)) {
    std::string newest = newestCheckpointOf(generate.checkpoint);
    if (newest.empty())
      badInput("--checkpoint ", generate.checkpoint,
               " holds no whole checkpoint");
    generate.checkpoint = newest;
  }
  if (generate.tokenizer.empty())
    generate.tokenizer = tokenizerOf(generate.checkpoint);
  auto tokenizer = openTokenizer(generate.tokenizer, program);
  if (!tokenizer && !asIds)
    badInput("--tokenizer is required: ", generate.checkpoint, " has none");
  std::vector<int32_t> prompt;
  if (asIds)
    prompt = parseIds(generate.promptIds, program.vocabSize);
  else if (generate.chat)
    prompt = chatPrompt(text, *tokenizer);
  else
    prompt = tokenizer->encodeText(text);
  if (prompt.empty())
    badInput("the prompt is empty: there is nothing to go on from");
  checkLength(generate, static_cast<int64_t>(prompt.size()), program.seqLen);
  if (!generate.out.empty())
    naming("--out", [&] { checkWritableFile(generate.out); });
  generate.sampling.seed = static_cast<uint64_t>(generate.seed);

  catchStopSignals();
  Model model(program, executable.code(), generate.device.resolve(flags),
              generate.threads.resolve());
  Decoder decoder(model);
  naming("--checkpoint", [&] { model.load(generate.checkpoint); });
  model.prepare();
  Generation generation(decoder, generate, std::move(prompt), tokenizer.get(),
                        endsOf(tokenizer.get(), program));
  return generation.run() ? ExitDone : ExitStopped;
}
