//===- Chat.cpp -----------------------------------------------------------===//

#include "data/Chat.h"
#include "mixln-rt/json-nesting.h"
#include "support/Errors.h"

#include <nlohmann/json.hpp>

using namespace mixln::rt;
using nlohmann::json;

const char *const mixln::rt::kChatTemplate =
    "prompt, response: {prompt}{response}</s>; messages: System: {system} "
    "User: {user} Assistant: {assistant}</s>; every piece is tokenized alone";

/// The string under `key`, or null with the reason.
static const std::string *stringOf(const json &object, const char *key,
                                   const std::string &where,
                                   std::string &reason) {
  auto found = object.find(key);
  if (found != object.end() && found->is_string())
    return found->get_ptr<const json::string_t *>();
  reason = found == object.end()
               ? cat("has no \"", key, "\"", where)
               : cat("has a \"", key, "\"", where, " that is a ",
                     found->type_name(), ", expected a string");
  return nullptr;
}

static bool addMessage(const json &message, const std::string &where,
                       std::vector<Turn> &turns, std::string &reason) {
  if (!message.is_object()) {
    reason = cat("has a ", message.type_name(), where, ", expected an object");
    return false;
  }
  const std::string *role = stringOf(message, "role", where, reason);
  const std::string *content =
      role ? stringOf(message, "content", where, reason) : nullptr;
  if (!content)
    return false;
  if (*role == "assistant") {
    turns.push_back({kAssistantTurn, false});
    turns.push_back({*content, true});
  } else if (*role == "user" || *role == "system") {
    turns.push_back(
        {(*role == "user" ? "User: " : "System: ") + *content, false});
  } else {
    reason = cat("has the \"role\" '", *role, "'", where,
                 ", expected system, user or assistant");
    return false;
  }
  return true;
}

bool mixln::rt::parseConversation(std::string_view line,
                                  std::vector<Turn> &turns,
                                  std::string &reason) {
  turns.clear();
  constexpr int kMostLevels = 64;
  if (auto at = findTooDeep(line, kMostLevels)) {
    reason = cat("is nested deeper than ", kMostLevels, " levels at column ",
                 *at + 1);
    return false;
  }
  json object;
  try {
    object = json::parse(line.begin(), line.end());
  } catch (const json::parse_error &error) {
    reason = cat("does not parse as JSON at column ", error.byte);
    return false;
  } catch (const json::out_of_range &) {
    reason = "has a number that is too large";
    return false;
  }
  if (!object.is_object()) {
    reason = cat("is a JSON ", object.type_name(), ", expected an object");
    return false;
  }
  auto messages = object.find("messages");
  if (messages == object.end()) {
    if (!object.contains("prompt") && !object.contains("response")) {
      reason = "has neither \"prompt\" and \"response\" nor \"messages\"";
      return false;
    }
    const std::string *prompt = stringOf(object, "prompt", "", reason);
    const std::string *response =
        prompt ? stringOf(object, "response", "", reason) : nullptr;
    if (!response)
      return false;
    turns = {{*prompt, false}, {*response, true}};
    return true;
  }
  if (!messages->is_array()) {
    reason = cat("has \"messages\" that are a ", messages->type_name(),
                 ", expected an array");
    return false;
  }
  for (size_t i = 0; i < messages->size(); ++i)
    if (!addMessage((*messages)[i], cat(" in messages[", i, "]"), turns,
                    reason))
      return false;
  for (const Turn &turn : turns)
    if (turn.counts)
      return true;
  reason = "has \"messages\" without one of the role assistant";
  return false;
}
