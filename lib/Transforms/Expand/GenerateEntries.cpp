//===- GenerateEntries.cpp - One sequence, a token at a time --------------===//
//
// The same forward on one sequence, with the keys and values of every layer in
// caches that stay between calls:
//
//   mixln.entry @prefill { @prefill_ids -> @keys.0, @values.0, @keys.1, ... }
//   mixln.entry @decode  { @decode_id, @decode_position, caches
//                          -> caches, @decode_logits }
//
// `prefill` is a forward over T positions of which nothing but keys and values
// is wanted; those of positions behind the prompt are overwritten before they
// are read. `decode` differs from it by one row instead of T and by
// `attention_step`. Keys are cached before their rotation, as `attention` reads
// them, so that a cache is what a matmul or a norm of k wrote.
//
//===----------------------------------------------------------------------===//

#include "Forward.h"

using namespace mlir;
using namespace mixln;

std::string Forward::cacheVariable(StringRef what) {
  return (what + "." + Twine(layer)).str();
}

LogicalResult Forward::declareGeneration() {
  Location at = model.getLoc();
  int64_t seqLen = model.getInt("seq_len");
  if (failed(variables.declare(at, "prefill_ids", variables.i32({seqLen}),
                               Role::Input)) ||
      failed(variables.declare(at, "decode_id", variables.i32({1}),
                               Role::Input)) ||
      failed(variables.declare(at, "decode_position", variables.i32({1}),
                               Role::Input)) ||
      failed(variables.declare(at, "decode_logits",
                               variables.f32({1, model.getInt("vocab_size")}),
                               Role::Output)))
    return failure();
  RankedTensorType cache =
      variables.f32({seqLen, model.getInt("num_key_value_heads") * headDim});
  for (layer = 0; layer < model.getInt("num_hidden_layers"); ++layer)
    for (StringRef what : {"keys", "values"})
      if (failed(
              variables.declare(at, cacheVariable(what), cache, Role::Cache)))
        return failure();
  layer = -1;
  return success();
}

LogicalResult Forward::prefill() {
  return failure(failed(begin()) || failed(blocks()));
}
