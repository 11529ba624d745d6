#pragma once
// An option with a fixed set of values is an enum with one table of names. Parsing, printing, help
// and error messages come from that table:
//
//   enum class Negatives { own_train, own_all };
//   template <>
//   inline constexpr auto choice_names<Negatives> = std::array{
//       Named{Negatives::own_train, "own-train"}, Named{Negatives::own_all, "own-all"}};
#include <array>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.hpp"

namespace fedfuse {

template <class E>
struct Named {
  E value;
  std::string_view name;
};
template <class E>
Named(E, const char*) -> Named<E>;

template <class E>
inline constexpr std::nullptr_t choice_names = nullptr;

template <class E>
concept Choice =
    std::is_enum_v<E> && !std::is_null_pointer_v<std::remove_cvref_t<decltype(choice_names<E>)>>;

// The name of an empty std::optional<Choice>: the program chooses.
inline constexpr std::string_view auto_name = "auto";

// The known word nearest to one that is unknown, or "" when none is near.
[[nodiscard]] std::string nearest_word(const std::string& word,
                                       const std::vector<std::string>& known);
[[nodiscard]] std::string joined(const std::vector<std::string>& words, std::string_view separator);
// option: as it was given, with the file it stood in: "--cluster", "study.toml: --cluster".
[[nodiscard]] InputError unknown_choice(std::string_view option, std::string_view given,
                                        const std::vector<std::string>& names);

// Of a table of rows that have a `name`.
template <class Rows>
[[nodiscard]] std::vector<std::string> names_of_rows(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}
// The row of that name; null when there is none.
template <class Rows>
[[nodiscard]] constexpr auto find_row(const Rows& rows, std::string_view name)
    -> decltype(&*rows.begin()) {
  for (const auto& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

template <Choice E>
[[nodiscard]] constexpr std::string_view name_of(E value) {
  for (const auto& row : choice_names<E>)
    if (row.value == value) return row.name;
  return "?";
}
template <Choice E>
[[nodiscard]] std::string text_of(E value) {
  return std::string(name_of(value));
}
template <Choice E>
[[nodiscard]] std::string text_of(const std::optional<E>& value) {
  return std::string(value ? name_of(*value) : auto_name);
}
template <Choice E>
std::ostream& operator<<(std::ostream& out, E value) {
  return out << name_of(value);
}

// The names of an enum, of std::optional or std::vector of one, in the order of the table.
template <class T>
struct Names;
template <Choice E>
struct Names<E> {
  [[nodiscard]] static std::vector<std::string> all() { return names_of_rows(choice_names<E>); }
};
template <Choice E>
struct Names<std::optional<E>> {
  [[nodiscard]] static std::vector<std::string> all() {
    auto names = Names<E>::all();
    names.emplace(names.begin(), auto_name);
    return names;
  }
};
template <Choice E>
struct Names<std::vector<E>> : Names<E> {};

template <class T>
[[nodiscard]] std::string joined_names(std::string_view separator) {
  return joined(Names<T>::all(), separator);
}

// InputError: names the option, what was given, the nearest name and all names.
template <Choice E>
void parse_into(E& value, std::string_view option, std::string_view text) {
  const auto* row = find_row(choice_names<E>, text);
  if (row == nullptr) throw unknown_choice(option, text, Names<E>::all());
  value = row->value;
}
template <Choice E>
void parse_into(std::optional<E>& value, std::string_view option, std::string_view text) {
  value.reset();
  if (text == auto_name) return;
  const auto* row = find_row(choice_names<E>, text);
  if (row == nullptr) throw unknown_choice(option, text, Names<std::optional<E>>::all());
  value = row->value;
}
// A value that is written as one word.
template <class T>
concept Word = requires(T& value, const T& read) {
  parse_into(value, std::string_view(), std::string_view());
  text_of(read);
};

template <class T>
[[nodiscard]] T parse_choice(std::string_view option, std::string_view text) {
  T value{};
  parse_into(value, option, text);
  return value;
}

}  // namespace fedfuse
