//===- ReadModule.cpp - Reading IR that strangers wrote -------------------===//

#include "mixln/Frontend/ReadModule.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mixln;

static constexpr uint64_t kMaxBytes = uint64_t(256) << 20;
static constexpr unsigned kMaxNesting = 64;
/// Bytes without punctuation: names are shorter, and the parser recurses along
/// the terms of an affine expression.
static constexpr unsigned kMaxRun = 512;

//===----------------------------------------------------------------------===//
// Nesting
//===----------------------------------------------------------------------===//

namespace {
/// Walks a text and counts what is open. An alias is as deep as what it stands
/// for.
class NestingCheck {
public:
  explicit NestingCheck(StringRef text) : text(text) {}

  std::string run();

private:
  std::string fail(const Twine &message) const {
    StringRef before = text.take_front(at);
    size_t newline = before.rfind('\n');
    size_t column = newline == StringRef::npos ? at : at - newline - 1;
    return ("line " + Twine(before.count('\n') + 1) + ", column " +
            Twine(column + 1) + ": " + message)
        .str();
  }
  char peek(size_t offset = 1) const {
    return at + offset < text.size() ? text[at + offset] : '\0';
  }
  /// The name of an alias at the cursor, or nothing.
  StringRef alias() const;
  void skipString();
  /// Takes note of an alias that is used or, at the start of a line, defined.
  void visitAlias(StringRef name);

  StringRef text;
  size_t at = 0;
  unsigned depth = 0, deepest = 0, length = 0;
  llvm::StringMap<unsigned> aliases;
  /// The alias whose definition is being read.
  StringRef defined;
};
} // namespace

StringRef NestingCheck::alias() const {
  char c = text[at];
  if (c != '#' && c != '!')
    return {};
  return text.drop_front(at + 1).take_while([](char inside) {
    return llvm::isAlnum(inside) || inside == '_' || inside == '$' ||
           inside == '.' || inside == '-';
  });
}

void NestingCheck::skipString() {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    at += text[at] == '\\';
}

void NestingCheck::visitAlias(StringRef name) {
  StringRef rest = text.drop_front(at + 1 + name.size()).ltrim(" \t");
  if (depth == 0 && rest.starts_with("=")) {
    defined = name;
    aliases[defined] = 1;
    return;
  }
  // Nothing stands for itself: the definition has ended.
  if (name == defined)
    defined = {};
  auto known = aliases.find(name);
  if (known != aliases.end())
    deepest = depth + known->second;
}

std::string NestingCheck::run() {
  for (; at < text.size(); ++at) {
    char c = text[at];
    deepest = depth;
    if (c == '"') {
      skipString();
    } else if (c == '/' && peek() == '/') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '-' && peek() == '>') {
      ++at;
    } else if (StringRef("([{<").contains(c)) {
      deepest = ++depth;
    } else if (StringRef(")]}>").contains(c)) {
      depth -= depth > 0;
    } else if (StringRef name = alias(); !name.empty()) {
      visitAlias(name);
      at += name.size();
    } else if (!StringRef(",=:%@^#!").contains(c)) {
      length += !llvm::isSpace(c);
      if (length > kMaxRun)
        return fail("an expression or a name of more than " + Twine(kMaxRun) +
                    " characters");
      continue;
    }
    length = 0;
    if (deepest > kMaxNesting)
      return fail("nested deeper than " + Twine(kMaxNesting) + " levels");
    // What follows a definition counts as a part of it, until it is used:
    // nothing comes out too shallow.
    if (!defined.empty())
      aliases[defined] = std::max(aliases[defined], deepest + 1);
  }
  return {};
}

std::string mixln::checkModuleText(StringRef text) {
  if (text.size() > kMaxBytes)
    return ("has " + Twine(text.size()) + " bytes, expected at most " +
            Twine(kMaxBytes))
        .str();
  return NestingCheck(text).run();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

OwningOpRef<ModuleOp> mixln::parseModule(StringRef text, StringRef file,
                                         MLIRContext *context) {
  if (std::string problem = checkModuleText(text); !problem.empty()) {
    emitError(NameLoc::get(StringAttr::get(context, file))) << problem;
    return {};
  }
  return parseSourceString<ModuleOp>(text, ParserConfig(context), file);
}

OwningOpRef<ModuleOp> mixln::readModule(StringRef path, MLIRContext *context) {
  auto fail = [&](const Twine &message) -> OwningOpRef<ModuleOp> {
    emitError(FileLineColLoc::get(context, path, 1, 1)) << message;
    return {};
  };
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/true);
  if (!buffer)
    return fail("cannot read this file: " + buffer.getError().message());
  if (std::string problem = checkModuleText((*buffer)->getBuffer());
      !problem.empty())
    return fail(problem);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), SMLoc());
  return parseSourceFile<ModuleOp>(sources, context);
}
