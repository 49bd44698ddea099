//===- Formula.cpp - Text to syntax tree ----------------------------------===//
//
//   condition  = conjunct { "or" conjunct }
//   conjunct   = negation { "and" negation }
//   negation   = "not" negation | comparison
//   comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
//   sum        = product { ("+" | "-") product }
//   product    = unary { ("*" | "/" | "%") unary }
//   unary      = ("-" | "+") unary | power
//   power      = primary [ "^" unary ]
//   primary    = NUMBER | NAME [ "." NAME ] [ "(" args ")" ] | "(" ... ")"
//
//===----------------------------------------------------------------------===//

#include "mixln/Frontend/Formula.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;
using namespace mixln;
using mlir::FailureOr;

static constexpr size_t kMaxLength = 4096;
static constexpr int kMaxNesting = 100;

std::string Formula::message(size_t column, const std::string &text) const {
  std::string prefix = where.empty() ? "" : where + ": ";
  return prefix + "column " + std::to_string(column) + ": " + text;
}

Formula mixln::numberFormula(double value) {
  auto node = std::make_shared<FormulaNode>();
  node->number = value;
  std::string text;
  raw_string_ostream(text) << format("%.17g", value);
  return Formula{text, "", node};
}

//===----------------------------------------------------------------------===//
// Parser
//===----------------------------------------------------------------------===//

namespace {
class Parser {
public:
  Parser(const Formula &formula, std::string &error)
      : formula(formula), text(formula.text), error(error) {
    next();
  }

  FormulaRef parse() {
    FormulaRef node = binary(0);
    if (node && !token.empty())
      return fail(column(), "unexpected " + quoted());
    return node;
  }

private:
  size_t column() const { return begin + 1; }

  std::string quoted() const {
    return token.empty() ? "end of the formula" : "'" + token.str() + "'";
  }

  std::nullptr_t fail(size_t column, const std::string &message) {
    if (error.empty())
      error = formula.message(column, message);
    return nullptr;
  }

  /// Moves to the next token.
  void next() {
    while (end < text.size() && isSpace(text[end]))
      ++end;
    begin = end;
    if (end == text.size()) {
      token = {};
      return;
    }
    char c = text[end];
    if (isAlpha(c) || c == '_') {
      while (end < text.size() && (isAlnum(text[end]) || text[end] == '_'))
        ++end;
    } else if (isDigit(c) || c == '.') {
      lexNumber();
    } else {
      StringRef two = text.substr(end, 2);
      end += two == "<=" || two == ">=" || two == "==" || two == "!=" ? 2 : 1;
    }
    token = text.slice(begin, end);
  }

  void lexNumber() {
    auto digits = [&] {
      while (end < text.size() && isDigit(text[end]))
        ++end;
    };
    digits();
    if (end < text.size() && text[end] == '.') {
      ++end;
      digits();
    }
    if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < text.size() &&
          (text[exponent] == '+' || text[exponent] == '-'))
        ++exponent;
      if (exponent < text.size() && isDigit(text[exponent])) {
        end = exponent;
        digits();
      }
    }
  }

  FormulaRef make(FormulaNode::Kind kind, StringRef name, size_t column,
                  std::vector<FormulaRef> args = {}) {
    auto node = std::make_shared<FormulaNode>();
    node->kind = kind;
    node->name = name.str();
    node->column = column;
    node->args = std::move(args);
    return node;
  }

  /// Left-associative operators of `level` and above.
  FormulaRef binary(unsigned level) {
    static const std::vector<std::vector<StringRef>> levels = {
        {"or"},
        {"and"},
        {"<", "<=", ">", ">=", "==", "!="},
        {"+", "-"},
        {"*", "/", "%"}};
    if (level == levels.size())
      return unary();
    if (level == 2 && token == "not") {
      size_t at = column();
      Nesting nesting(*this);
      if (!nesting.allowed)
        return nullptr;
      next();
      FormulaRef arg = binary(2);
      return arg ? make(FormulaNode::Kind::Operator, "not", at, {arg})
                 : nullptr;
    }
    FormulaRef left = binary(level + 1);
    while (left && is_contained(levels[level], token)) {
      StringRef op = token;
      size_t at = column();
      next();
      FormulaRef right = binary(level + 1);
      if (!right)
        return nullptr;
      left = make(FormulaNode::Kind::Operator, op, at, {left, right});
      if (++operators > kMaxLength / 8)
        return fail(at, "the formula has too many operators");
    }
    return left;
  }

  FormulaRef unary() {
    size_t at = column();
    if (token == "-" || token == "+") {
      bool negative = token == "-";
      Nesting nesting(*this);
      if (!nesting.allowed)
        return nullptr;
      next();
      FormulaRef arg = unary();
      if (!arg || !negative)
        return arg;
      return make(FormulaNode::Kind::Operator, "neg", at, {arg});
    }
    FormulaRef base = primary();
    if (!base || token != "^")
      return base;
    at = column();
    Nesting nesting(*this);
    if (!nesting.allowed)
      return nullptr;
    next();
    FormulaRef exponent = unary();
    if (!exponent)
      return nullptr;
    return make(FormulaNode::Kind::Operator, "^", at, {base, exponent});
  }

  FormulaRef primary() {
    size_t at = column();
    if (token == "(") {
      Nesting nesting(*this);
      if (!nesting.allowed)
        return nullptr;
      next();
      FormulaRef inside = binary(0);
      if (!inside || !expect(")", at))
        return nullptr;
      return inside;
    }
    if (!token.empty() && (isDigit(token.front()) || token.front() == '.'))
      return number();
    if (token.empty() || !(isAlpha(token.front()) || token.front() == '_'))
      return fail(at, "found " + quoted() +
                          ", expected a number, a name or '('");
    if (token == "and" || token == "or" || token == "not")
      return fail(at, "found " + quoted() +
                          ", expected a number, a name or '('");
    return nameOrCall();
  }

  FormulaRef number() {
    auto node = std::make_shared<FormulaNode>();
    node->column = column();
    if (token.getAsDouble(node->number) || !std::isfinite(node->number))
      return fail(column(), "'" + token.str() + "' is not a number");
    next();
    return node;
  }

  FormulaRef nameOrCall() {
    size_t at = column();
    StringRef name = token;
    next();
    StringRef site;
    if (token == ".") {
      next();
      if (token.empty() || !(isAlpha(token.front()) || token.front() == '_'))
        return fail(column(), "found " + quoted() +
                                  ", expected the name of a norm site");
      site = token;
      next();
      if (token != "(")
        return fail(column(), "found " + quoted() + " after '" + name.str() +
                                  "." + site.str() + "', expected '('");
    }
    if (token != "(")
      return make(FormulaNode::Kind::Name, name, at);
    Nesting nesting(*this);
    if (!nesting.allowed)
      return nullptr;
    size_t open = column();
    next();
    std::vector<FormulaRef> args;
    while (token != ")") {
      FormulaRef arg = binary(0);
      if (!arg)
        return nullptr;
      args.push_back(arg);
      if (token == ",") {
        next();
        continue;
      }
      if (token != ")")
        return fail(column(), token.empty()
                                  ? "'(' of column " + std::to_string(open) +
                                        " is not closed"
                                  : "found " + quoted() +
                                        ", expected ',' or ')'");
    }
    next();
    auto node = std::make_shared<FormulaNode>();
    node->kind = FormulaNode::Kind::Call;
    node->name = name.str();
    node->site = site.str();
    node->args = std::move(args);
    node->column = at;
    return node;
  }

  bool expect(StringRef wanted, size_t open) {
    if (token != wanted) {
      fail(column(), "found " + quoted() + ", expected ')' for the '(' of "
                                           "column " +
                         std::to_string(open));
      return false;
    }
    next();
    return true;
  }

  /// Counts one level of nesting while it lives.
  struct Nesting {
    explicit Nesting(Parser &parser) : parser(parser) {
      allowed = ++parser.nesting <= kMaxNesting;
      if (!allowed)
        parser.fail(parser.column(), "nested deeper than " +
                                         std::to_string(kMaxNesting) +
                                         " levels");
    }
    ~Nesting() { --parser.nesting; }
    Parser &parser;
    bool allowed;
  };

  const Formula &formula;
  StringRef text;
  std::string &error;
  StringRef token;
  size_t begin = 0, end = 0;
  int nesting = 0;
  size_t operators = 0;
};
} // namespace

FailureOr<Formula> mixln::parseFormula(StringRef text, StringRef where,
                                       std::string &error) {
  Formula formula{text.str(), where.str(), nullptr};
  error.clear();
  if (text.size() > kMaxLength) {
    error = formula.message(1, "the formula has " +
                                   std::to_string(text.size()) +
                                   " characters, expected at most " +
                                   std::to_string(kMaxLength));
    return failure();
  }
  FormulaRef root = Parser(formula, error).parse();
  if (!root)
    return failure();
  formula.root = root;
  return formula;
}

void mixln::walkFormula(const FormulaNode &node,
                        function_ref<void(const FormulaNode &)> visit) {
  for (const FormulaRef &arg : node.args)
    walkFormula(*arg, visit);
  visit(node);
}

bool mixln::usesName(const FormulaNode &node, StringRef name) {
  bool found = false;
  walkFormula(node, [&](const FormulaNode &inner) {
    found |= inner.kind == FormulaNode::Kind::Name && inner.name == name;
  });
  return found;
}
