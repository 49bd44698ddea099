//===- Chat.h - Prompts and responses ---------------------------*- C++ -*-===//
//
// A line of --data_format chat is one of
//
//   {"prompt": "2 + 2 =", "response": "4"}
//   {"messages": [{"role": "user", "content": "2 + 2?"},
//                 {"role": "assistant", "content": "4"}, ...]}
//
// and becomes pieces of text, each tokenized alone, of which responses count:
//
//   2 + 2 =  |4</s>|                          what a prompt says is left alone
//   User: 2 + 2?  Assistant:  |4</s>|  ...    a turn begins with its role
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DATA_CHAT_H
#define MIXLN_RT_DATA_CHAT_H

#include "data/Tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mixln::rt {

/// How the text of an assistant's turn begins.
inline constexpr const char *kAssistantTurn = "Assistant:";

struct Turn {
  std::string text;
  bool counts = false; ///< a response, which ends with </s>
};

/// The turns of a line. False, with the reason, where it holds none.
bool parseConversation(std::string_view line, std::vector<Turn> &turns,
                       std::string &reason);

/// Token ids, those that do not count as maskedId() (see Rows.h). Where no
/// token stands before the first response, </s> does.
std::vector<int32_t> encodeConversation(const std::vector<Turn> &turns,
                                        const Tokenizer &tokenizer);

/// What a model sees before it answers to `text`.
std::vector<int32_t> chatPrompt(const std::string &text,
                                const Tokenizer &tokenizer);

/// The template in words, for run.json.
extern const char *const kChatTemplate;

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_CHAT_H
