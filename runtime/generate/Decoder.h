//===- Decoder.h - A sequence and the model's caches ------------*- C++ -*-===//

#ifndef MIXLN_RT_GENERATE_DECODER_H
#define MIXLN_RT_GENERATE_DECODER_H

#include "train/Model.h"

#include <cstdint>
#include <vector>

namespace mixln::rt {

/// Feeds tokens to a model one after the other. Entries of the model that
/// others run in between overwrite the caches.
class Decoder {
public:
  /// An InputError where the program was compiled without its entries.
  explicit Decoder(Model &model);

  /// Begins a sequence; the logits of its last token's successor. Every id must
  /// be one of the vocabulary, and there must be one.
  std::vector<float> begin(const std::vector<int32_t> &prompt);
  /// Appends a token; the logits of the one after it. An InputError when the
  /// caches are full.
  std::vector<float> next(int32_t id);
  /// Forgets the tokens from `position` on.
  void rewind(int64_t position) { filled = position; }

  /// Tokens so far.
  int64_t length() const { return filled; }
  int64_t capacity() const { return model.program().seqLen; }

private:
  Model &model;
  int64_t filled = 0;
};

} // namespace mixln::rt

#endif // MIXLN_RT_GENERATE_DECODER_H
