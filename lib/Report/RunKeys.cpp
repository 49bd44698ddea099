//===- RunKeys.cpp - What a key of run.json means for the numbers ---------===//

#include "mixln/Report/RunKeys.h"

#include "llvm/ADT/StringRef.h"

using namespace mixln::report;

namespace {
struct KeyRule {
  llvm::StringRef key; ///< a '*' at its end stands for any text
  KeyEffect effect;
  const char *reason;
};
} // namespace

/// The first rule that fits a key holds.
static const KeyRule rules[] = {
    {"started", KeyEffect::Name, "when"},
    {"directory", KeyEffect::Name, "where"},
    {"resumed", KeyEffect::Name, "an interruption changes no bit"},
    {"flags.save_dir", KeyEffect::Name, "where"},
    {"flags.resume", KeyEffect::Name, "an interruption changes no bit"},
    {"flags.rerun", KeyEffect::Name, "where the other flags came from"},
    {"flags.run_name", KeyEffect::Name, "recorded only"},
    {"flags.name", KeyEffect::Name, "recorded only"},
    {"flags.tags", KeyEffect::Name, "recorded only"},

    {"flags.threads", KeyEffect::Nothing, "sums have a fixed order"},
    {"flags.workers", KeyEffect::Nothing, "rows do not depend on them"},
    {"flags.save_every", KeyEffect::Nothing, "checkpoints are copies"},
    {"flags.save_at", KeyEffect::Nothing, "checkpoints are copies"},
    {"flags.keep_last", KeyEffect::Nothing, "checkpoints are copies"},
    {"flags.eval_every", KeyEffect::Nothing,
     "the last evaluation is at the end whatever it is"},
    {"flags.log_layers_every", KeyEffect::Nothing,
     "measured updates are the same bits"},
    {"flags.measure", KeyEffect::Nothing, "measured updates are the same bits"},
    {"flags.profile", KeyEffect::Nothing, "clocks only"},
    {"flags.emulator_seed", KeyEffect::Nothing,
     "kernels do not depend on the order of threads"},
    {"flags.emulator", KeyEffect::Nothing, "further code beside the kernels"},
    {"flags.entries", KeyEffect::Nothing, "further code beside the kernels"},
    {"flags.memory_limit", KeyEffect::Nothing, "computes the same bits again"},
    {"flags.activation_checkpointing", KeyEffect::Nothing,
     "computes the same bits again"},
    {"config.architectures", KeyEffect::Nothing, "follows from the placement"},
    {"config.model_type", KeyEffect::Nothing, "follows from the placement"},
    {"config.mixln*", KeyEffect::Nothing, "follows from the placement"},

    {"flags.device", KeyEffect::Rounding, "sums in another order"},
    {"flags.target", KeyEffect::Rounding, "sums in another order"},
    {"flags.mcpu", KeyEffect::Rounding, "sums in another order"},
    {"flags.gpu_arch", KeyEffect::Rounding, "sums in another order"},
    {"flags.gpu_matmul", KeyEffect::Rounding, "sums in another order"},
    {"flags.chunk_rows", KeyEffect::Rounding, "sums in another order"},
    {"flags.chunk_threshold", KeyEffect::Rounding, "sums in another order"},
    // Of one total_batch_size; dependsOnMicroBatch() has the exceptions.
    {"flags.batch_size", KeyEffect::Rounding, "sums in another order"},
    {"flags.gradient_accumulation", KeyEffect::Rounding,
     "sums in another order"},

    {"flags.data", KeyEffect::File, "hashes.data"},
    {"flags.eval_data", KeyEffect::File, "eval_id of each evaluation"},
    {"flags.tokenizer", KeyEffect::File, "hashes.tokenizer"},
    {"flags.weights", KeyEffect::File, "hashes.weights"},
    {"flags.model_config", KeyEffect::File, "config"},
    {"flags.norm", KeyEffect::File, "config, as the compiler read it"},
    {"flags.post_num", KeyEffect::File, "config, as the compiler read it"},
    {"flags.norm_kind", KeyEffect::File, "config, as the compiler read it"},

    {"flags.lr", KeyEffect::Compared, ""},
    {"config.norm_*", KeyEffect::Compared, "the placement"},
    {"config.post_num", KeyEffect::Compared, "the placement"},

    {"flags.seed", KeyEffect::Pair, "initial values"},
    {"flags.data_seed", KeyEffect::Pair, "order of the rows"},

    {"flags.*", KeyEffect::Numbers, ""},
    {"config.*", KeyEffect::Numbers, ""},
    {"program.dtype", KeyEffect::Numbers, ""},
    {"hashes.data", KeyEffect::Numbers, ""},
    {"hashes.tokenizer", KeyEffect::Numbers, ""},
    {"hashes.weights", KeyEffect::Numbers, ""},
};

/// Means of micro-batches, in place of means over labels.
static bool
dependsOnMicroBatch(const std::map<std::string, std::string> &about) {
  auto is = [&](const char *key, const char *value) {
    auto found = about.find(key);
    return found != about.end() && found->second == value;
  };
  return is("flags.loss_normalization", "micro_batch") ||
         is("flags.eval_mean", "batches_plus_one");
}

KeyEffect
mixln::report::effectOf(const std::string &key,
                        const std::map<std::string, std::string> &about) {
  if ((key == "flags.batch_size" || key == "flags.gradient_accumulation") &&
      dependsOnMicroBatch(about))
    return KeyEffect::Numbers;
  for (const KeyRule &rule : rules) {
    llvm::StringRef pattern = rule.key;
    if (pattern.consume_back("*") ? llvm::StringRef(key).starts_with(pattern)
                                  : pattern == key)
      return rule.effect;
  }
  // Machine, versions, what follows from the rest.
  return KeyEffect::Nothing;
}
