#pragma once
// One option of the command line for one member, by the member's type. It includes CLI11, which is
// slow to compile: for options.cpp alone.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "core/choice.hpp"
#include "core/config/evaluation.hpp"
#include "core/config/fedvlr.hpp"
#include "core/text.hpp"

namespace fedfuse {

template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;

// The names that a value of type T may have: "a|b|c", or "".
template <class T>
std::string choices_of() {
  if constexpr (requires { Names<T>::all(); })
    return joined_names<T>("|");
  else
    return "";
}

inline std::string describe(const std::string& help, const std::string& choices,
                            const std::string& unit, const std::string& symbol) {
  std::string text = help;
  if (!choices.empty()) text += cat(" {", choices, "}");
  if (!unit.empty() && unit != "1") text += cat(" [", unit, "]");
  if (!symbol.empty()) text += cat(" (", symbol, ")");
  return text;
}

template <class T>
std::string shown(const T& value) {
  if constexpr (Word<T>) {
    return text_of(value);
  } else if constexpr (is_list<T>) {
    std::vector<std::string> words;
    for (const auto& part : value) words.push_back(shown(part));
    return joined(words, ",");
  } else {
    return cat(value);
  }
}

inline CLI::Option* add_word(CLI::App& app, const std::string& name, auto& member,
                             const std::string& text) {
  return app.add_option_function<std::string>(
      name, [&member, name](const std::string& word) { parse_into(member, name, word); }, text);
}

template <Choice E>
CLI::Option* add_words(CLI::App& app, const std::string& name, std::vector<E>& member,
                       const std::string& text) {
  return app.add_option_function<std::vector<std::string>>(
      name,
      [&member, name](const std::vector<std::string>& words) {
        member.clear();
        for (const auto& word : words) member.push_back(parse_choice<E>(name, word));
      },
      text);
}

// strtoull would wrap a minus sign around
inline CLI::Validator not_negative() {
  return {[](std::string& word) {
            return word.starts_with('-') ? cat(word, " is not a whole number >= 0") : "";
          },
          ""};
}

// One option for one member. A scalar given twice takes the last one, so that a script can append
// to a line; help shows `standard`.
template <class T>
CLI::Option* option_for(CLI::App& app, std::string name, T& member, const T& standard,
                        const std::string& text) {
  std::ranges::replace(name, '_', '-');
  name.insert(0, "--");
  CLI::Option* option = nullptr;
  if constexpr (std::is_same_v<T, bool>)
    option = app.add_flag(name, member, text);
  else if constexpr (Word<T>)
    option = add_word(app, name, member, text);
  else if constexpr (std::is_same_v<T, std::vector<View>>)
    option = add_words(app, name, member, text);
  else
    option = app.add_option(name, member, text);
  if constexpr (is_list<T>)
    option->delimiter(',');
  else
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  if constexpr (std::is_same_v<T, std::uint64_t>) option->check(not_negative());
  if constexpr (!std::is_same_v<T, bool>)
    if (const auto value = shown(standard); !value.empty()) option->default_str(value);
  return option;
}

}  // namespace fedfuse
