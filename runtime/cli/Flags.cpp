//===- Flags.cpp ----------------------------------------------------------===//

#include "cli/Flags.h"
#include "support/Errors.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// Words and numbers
//===----------------------------------------------------------------------===//

static size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string mixln::rt::nearest(const std::string &word,
                               const std::vector<std::string> &candidates) {
  std::string best;
  size_t bestDistance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string &candidate : candidates) {
    size_t distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

bool mixln::rt::parseNumber(const std::string &text, double &value) {
  const char *begin = text.data(), *end = begin + text.size();
  if (begin != end && *begin == '+')
    ++begin;
  auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stop == end && std::isfinite(value);
}

bool mixln::rt::parseCount(const std::string &text, int64_t &value) {
  std::string digits = text;
  double factor = 1;
  if (!digits.empty()) {
    switch (digits.back()) {
    case 'K':
    case 'k':
      factor = 1e3;
      break;
    case 'M':
    case 'm':
      factor = 1e6;
      break;
    case 'B':
    case 'b':
      factor = 1e9;
      break;
    default:
      break;
    }
    if (factor != 1)
      digits.pop_back();
  }
  double number;
  if (!parseNumber(digits, number))
    return false;
  number *= factor;
  if (number != std::floor(number) || std::abs(number) > 0x1p53)
    return false;
  value = static_cast<int64_t>(number);
  return true;
}

static std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

//===----------------------------------------------------------------------===//
// Flags
//===----------------------------------------------------------------------===//

struct Flags::Impl {
  struct Flag {
    bool takesValue = true;
    bool given = false;
    std::string note;    ///< ignored: why
    std::string refusal; ///< refused: why
    std::function<std::string()> show;
  };

  CLI::App app;
  std::map<std::string, Flag> flags;
  std::map<std::string, std::string> firstName; ///< any name to the first
  std::vector<std::string> defaults;            ///< as arguments

  Impl(const std::string &description) : app(description) {}

  Flag &declare(const std::string &name, const Names &synonyms) {
    firstName[name] = name;
    for (const std::string &synonym : synonyms)
      firstName[synonym] = name;
    return flags[name];
  }

  /// `convert` stores the value and returns what is wrong with it, or "".
  CLI::Option *option(const std::string &name, const std::string &help,
                      const Names &synonyms, const std::string &type,
                      std::function<std::string(const std::string &)> convert) {
    declare(name, synonyms);
    CLI::Option *made = app.add_option_function<std::string>(
        "--" + name,
        [name, convert](const std::string &value) {
          std::string wrong = convert(value);
          if (!wrong.empty())
            badInput("--", name, " is '", value, "', expected ", wrong);
        },
        help);
    made->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    made->type_name(type);
    return made;
  }

  std::vector<std::string> normalise(const std::vector<std::string> &arguments);
  std::string canonical(const std::string &spelled);
};

Flags::Flags(const std::string &program, const std::string &description)
    : impl(std::make_unique<Impl>(description)) {
  impl->app.name(program);
  impl->app.set_help_flag("--help", "show this help");
}
Flags::~Flags() = default;

void Flags::text(const std::string &name, std::string &value,
                 const std::string &help, const Names &synonyms) {
  impl->option(name, help, synonyms, "TEXT", [&value](const std::string &text) {
    value = text;
    return std::string();
  });
  impl->flags[name].show = [&value] { return value; };
}

void Flags::number(const std::string &name, double &value, double least,
                   double most, const std::string &help,
                   const Names &synonyms) {
  impl->option(name, help, synonyms, "NUMBER",
               [&value, least, most](const std::string &text) -> std::string {
                 double parsed;
                 if (!parseNumber(text, parsed))
                   return "a number";
                 if (parsed < least || parsed > most)
                   return std::isfinite(most)
                              ? cat("a number from ", least, " to ", most)
                              : cat("a number of at least ", least);
                 value = parsed;
                 return "";
               });
  impl->flags[name].show = [&value] { return nlohmann::json(value).dump(); };
}

void Flags::count(const std::string &name, int64_t &value, int64_t least,
                  const std::string &help, const Names &synonyms) {
  impl->option(name, help, synonyms, "COUNT",
               [&value, least](const std::string &text) -> std::string {
                 int64_t parsed;
                 if (!parseCount(text, parsed))
                   return "a whole number";
                 if (parsed < least)
                   return cat("a whole number of at least ", least);
                 value = parsed;
                 return "";
               });
  impl->flags[name].show = [&value] { return std::to_string(value); };
}

void Flags::choice(const std::string &name, std::string &value,
                   const std::vector<std::string> &choices,
                   const std::string &help, const Names &synonyms) {
  std::string shown;
  for (const std::string &word : choices)
    shown += (shown.empty() ? "" : "|") + word;
  impl->option(
      name, help, synonyms, shown,
      [&value, choices](const std::string &text) -> std::string {
        std::string lower = text;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return std::tolower(c); });
        if (std::find(choices.begin(), choices.end(), lower) == choices.end())
          return joined(choices);
        value = lower;
        return "";
      });
  impl->flags[name].show = [&value] { return value; };
}

void Flags::table(const std::string &name, std::map<std::string, double> &value,
                  const std::vector<std::string> &keys, const std::string &help,
                  const Names &synonyms) {
  impl->option(name, help, synonyms, "KEY=NUMBER,...",
               [&value, keys](const std::string &text) -> std::string {
                 std::map<std::string, double> parsed;
                 std::istringstream parts(text);
                 std::string part;
                 while (std::getline(parts, part, ',')) {
                   size_t equals = part.find('=');
                   std::string key = part.substr(0, equals);
                   double number;
                   if (equals == std::string::npos ||
                       !parseNumber(part.substr(equals + 1), number) ||
                       number < 0)
                     return "KEY=NUMBER, of at least 0, separated by commas";
                   if (std::find(keys.begin(), keys.end(), key) == keys.end())
                     return "as key " + joined(keys);
                   parsed[key] = number;
                 }
                 value = parsed;
                 return "";
               });
  impl->flags[name].show = [&value] {
    std::string text;
    for (auto &[key, number] : value)
      text +=
          (text.empty() ? "" : ",") + key + "=" + nlohmann::json(number).dump();
    return text;
  };
}

void Flags::toggle(const std::string &name, bool &value,
                   const std::string &help, const Names &synonyms) {
  impl->declare(name, synonyms).takesValue = false;
  impl->app.add_flag("--" + name, value, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  impl->flags[name].show = [&value] {
    return std::string(value ? "true" : "false");
  };
}

void Flags::ignored(const std::string &name, bool takesValue,
                    const std::string &why) {
  Impl::Flag &flag = impl->declare(name, {});
  flag.takesValue = takesValue;
  flag.note = why;
}

void Flags::refused(const std::string &name, const std::string &why) {
  impl->declare(name, {}).refusal = why;
}

std::string Flags::Impl::canonical(const std::string &spelled) {
  std::string name = spelled;
  std::replace(name.begin(), name.end(), '-', '_');
  auto found = firstName.find(name);
  if (found != firstName.end())
    return found->second;
  std::vector<std::string> names;
  for (auto &[known, first] : firstName)
    if (flags[first].refusal.empty())
      names.push_back(known);
  std::string meant = nearest(name, names);
  badInput("unknown flag --", spelled,
           meant.empty() ? std::string("; --help lists the flags")
                         : "; did you mean --" + meant + "?");
}

std::vector<std::string>
Flags::Impl::normalise(const std::vector<std::string> &arguments) {
  std::vector<std::string> out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument == "-h" || argument == "--help")
      return {"--help"};
    if (!argument.starts_with("--"))
      badInput("unexpected argument '", argument,
               "'; flags begin with --, --help lists them");
    size_t equals = argument.find('=');
    std::string spelled = argument.substr(
        2, equals == std::string::npos ? std::string::npos : equals - 2);
    std::string name = canonical(spelled);
    Flag &flag = flags[name];
    if (!flag.refusal.empty())
      badInput("--", name, " ", flag.refusal);
    flag.given = true;
    std::string value;
    bool hasValue = equals != std::string::npos;
    if (hasValue) {
      value = argument.substr(equals + 1);
    } else if (flag.takesValue) {
      if (i + 1 == arguments.size() || arguments[i + 1].starts_with("--"))
        badInput("--", name, " needs a value");
      value = arguments[++i];
      hasValue = true;
    }
    if (!flag.takesValue && hasValue && value != "true" && value != "false")
      badInput("--", name, " is '", value,
               "', expected true or false; alone it"
               " is true");
    if (flag.takesValue && value.empty())
      badInput("--", name, " needs a value, found an empty one");
    if (!flag.note.empty())
      note("--" + name + " is ignored: " + flag.note);
    else
      out.push_back("--" + name + (hasValue ? "=" + value : std::string()));
  }
  return out;
}

void Flags::defaults(const std::map<std::string, std::string> &values) {
  for (auto &[name, value] : values)
    if (impl->flags.count(name))
      impl->defaults.push_back("--" + name + "=" + value);
}

bool Flags::parse(const std::vector<std::string> &arguments) {
  std::vector<std::string> normal = impl->normalise(arguments);
  // Of a flag given twice the last one counts.
  normal.insert(normal.begin(), impl->defaults.begin(), impl->defaults.end());
  // The library takes them last to first.
  std::reverse(normal.begin(), normal.end());
  try {
    impl->app.parse(normal);
  } catch (const CLI::CallForHelp &) {
    std::fputs(impl->app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError &error) {
    std::string text = error.what();
    if (!text.empty())
      text[0] = std::tolower(static_cast<unsigned char>(text[0]));
    badInput(text);
  }
  return true;
}

bool Flags::given(const std::string &name) const {
  auto found = impl->flags.find(name);
  return found != impl->flags.end() && found->second.given;
}

std::map<std::string, std::string> Flags::resolved() const {
  std::map<std::string, std::string> values;
  for (auto &[name, flag] : impl->flags)
    if (flag.show)
      values[name] = flag.show();
  return values;
}
