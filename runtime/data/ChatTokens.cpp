//===- ChatTokens.cpp - Turns of a conversation as token ids --------------===//

#include "data/Chat.h"
#include "data/Rows.h"

using namespace mixln::rt;

std::vector<int32_t>
mixln::rt::encodeConversation(const std::vector<Turn> &turns,
                              const Tokenizer &tokenizer) {
  std::vector<int32_t> codes;
  for (const Turn &turn : turns) {
    std::vector<int32_t> ids = tokenizer.encodeText(turn.text);
    if (turn.counts)
      ids.push_back(tokenizer.endOfDocument());
    // Something must stand before the first token that is learnt.
    if (turn.counts && codes.empty())
      codes.push_back(maskedId(tokenizer.endOfDocument()));
    for (int32_t id : ids)
      codes.push_back(turn.counts ? id : maskedId(id));
  }
  return codes;
}

std::vector<int32_t> mixln::rt::chatPrompt(const std::string &text,
                                           const Tokenizer &tokenizer) {
  std::vector<int32_t> ids = tokenizer.encodeText("User: " + text);
  std::vector<int32_t> answer = tokenizer.encodeText(kAssistantTurn);
  ids.insert(ids.end(), answer.begin(), answer.end());
  return ids;
}
