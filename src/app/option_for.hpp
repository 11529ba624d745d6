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
#include "core/error.hpp"
#include "core/number.hpp"
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

inline void parse_part(std::int64_t& part, const std::string& name, const std::string& word) {
  parse_number(part, name, word);
}
template <Choice E>
void parse_part(E& part, const std::string& name, const std::string& word) {
  parse_into(part, name, word);
}

// The parts of "a,b" "c".
inline std::vector<std::string> parts_of(const std::vector<std::string>& words) {
  std::vector<std::string> parts;
  for (const auto& word : words) {
    std::size_t begin = 0;
    for (auto end = word.find(','); end != std::string::npos; end = word.find(',', begin)) {
      parts.push_back(word.substr(begin, end - begin));
      begin = end + 1;
    }
    parts.push_back(word.substr(begin));
  }
  return parts;
}

// CLI11 would leave out empty parts.
template <class E>
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<E>& member,
                      const std::string& text) {
  auto* option = app.add_option_function<std::vector<std::string>>(
      name,
      [&member, name](const std::vector<std::string>& words) {
        member.clear();
        for (const auto& part : parts_of(words)) parse_part(member.emplace_back(), name, part);
      },
      text);
  if constexpr (std::is_integral_v<E>) option->type_name(CLI::detail::type_name<E>());
  return option;
}

template <class T>
concept Number = std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t> ||
                 std::is_same_v<T, double>;

// CLI11 would read 010 as eight, and what is too large as the largest.
template <Number T>
CLI::Option* add_number(CLI::App& app, const std::string& name, T& member,
                        const std::string& text) {
  auto* option = app.add_option_function<std::string>(
      name, [&member, name](const std::string& word) { parse_number(member, name, word); }, text);
  return option->type_name(CLI::detail::type_name<T>());
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
  else if constexpr (is_list<T>)
    option = add_list(app, name, member, text);
  else if constexpr (Number<T>)
    option = add_number(app, name, member, text);
  else
    option = app.add_option(name, member, text);
  if constexpr (!is_list<T>) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  if constexpr (!std::is_same_v<T, bool>)
    if (const auto value = shown(standard); !value.empty()) option->default_str(value);
  return option;
}

}  // namespace fedfuse
