#include "data/id_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "core/text.hpp"

namespace fedfuse {
namespace {

// In lower case: SQL dumps, pandas' default list, R, spreadsheets, C's printf.
constexpr std::array<std::string_view, 24> missing_values{
    "null",   "none",    "na",     "nan",  "nat",    "nil",     "\\n",     "<na>",
    "<null>", "(null)",  "[null]", "n/a",  "<nan>",  "#n/a",    "#na",     "#n/a n/a",
    "<none>", "#value!", "-nan",   "+nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"};

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& c : result) c = char(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_missing_value(std::string_view text) {
  constexpr std::size_t longest = 8;
  if (text.size() > longest) return false;
  return std::ranges::find(missing_values, lower(text)) != missing_values.end();
}

bool is_blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == ' ' || c == '\t'; });
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Bytes of the character that starts with `first`; 0: no character starts so.
std::size_t utf8_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

// The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
bool second_byte_fits(unsigned char first, unsigned char second) {
  unsigned char least = 0x80;
  unsigned char most = 0xBF;
  if (first == 0xE0) least = 0xA0;
  if (first == 0xED) most = 0x9F;
  if (first == 0xF0) least = 0x90;
  if (first == 0xF4) most = 0x8F;
  return second >= least && second <= most;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t at = 0; at < text.size();) {
    const auto length = utf8_length(byte(at));
    if (length == 0 || length > text.size() - at) return false;
    if (length > 1 && !second_byte_fits(byte(at), byte(at + 1))) return false;
    for (std::size_t k = 2; k < length; ++k)
      if ((byte(at + k) & 0xC0u) != 0x80u) return false;
    at += length;
  }
  return true;
}

std::string id_fault(std::string_view text) {
  constexpr std::size_t longest = 1024;
  if (is_blank(text)) return "is empty";
  if (text.size() > longest) return "is longer than 1024 characters";
  if (!is_utf8(text)) return "is not UTF-8: the file is in Latin-1 or another encoding";
  if (is_missing_value(text)) return "is not an id: it stands for a missing value";
  if (text.front() == '-' && all_digits(text.substr(1))) return "is negative";
  if (!all_digits(text)) return "";
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? "" : "is above 2^63 - 1";
}

std::string printable(std::string_view field) {
  constexpr std::size_t longest = 40;
  std::string text(field.substr(0, longest));
  for (auto& c : text)
    if (std::isprint(static_cast<unsigned char>(c)) == 0) c = '?';
  return cat('"', text, field.size() > longest ? "...\"" : "\"");
}

}  // namespace fedfuse
