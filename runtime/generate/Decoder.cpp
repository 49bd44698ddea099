//===- Decoder.cpp --------------------------------------------------------===//

#include "generate/Decoder.h"
#include "support/Errors.h"

using namespace mixln::rt;

/// `prefill` always computes T positions; it costs as much as about this share
/// of them one by one, each of which reads all weights.
static constexpr int64_t kPrefillShare = 8;

Decoder::Decoder(Model &model) : model(model) {
  if (!model.hasEntry("decode") || !model.hasEntry("prefill"))
    badInput("this executable was compiled without the entries that generate;"
             " compile it with --entries all (not --entries train)");
}

std::vector<float> Decoder::begin(const std::vector<int32_t> &prompt) {
  auto length = static_cast<int64_t>(prompt.size());
  if (length > capacity())
    badInput("the prompt has ", length, " tokens, more than the ", capacity(),
             " (seq_len) that this executable was compiled for");
  filled = 0;
  // They lie in bytes that other entries may have used meanwhile.
  if (model.hasEntry("decode_weights"))
    model.run("decode_weights");
  if (length - 1 > capacity() / kPrefillShare) {
    std::vector<int32_t> ids(prompt);
    ids.resize(capacity(), 0);
    model.writeInput("prefill_ids", ids);
    model.run("prefill");
    filled = length - 1;
  }
  std::vector<float> logits;
  while (filled < length)
    logits = next(prompt[filled]);
  return logits;
}

std::vector<float> Decoder::next(int32_t id) {
  if (filled >= capacity())
    badInput("the sequence has reached ", capacity(),
             " tokens (seq_len), as many as this executable was compiled for");
  if (id < 0 || id >= model.program().vocabSize)
    badInput("token ", id, " is none of the vocabulary of ",
             model.program().vocabSize);
  model.writeInput("decode_id", {id});
  model.writeInput("decode_position", {static_cast<int32_t>(filled)});
  model.run("decode");
  ++filled;
  return model.read("decode_logits");
}
