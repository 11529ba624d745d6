#include "data/delimiter.hpp"

namespace fedfuse {
namespace {

// Behind the quoted field that starts at `at`; its own place where the quote never ends.
std::size_t behind_quotes(std::string_view text, std::size_t at) {
  auto end = text.find('"', at + 1);
  while (end != std::string_view::npos && end + 1 < text.size() && text[end + 1] == '"')
    end = text.find('"', end + 2);
  return end == std::string_view::npos ? at : end + 1;
}

}  // namespace

std::string_view characters_of(Delimiter delimiter) {
  switch (delimiter) {
    case Delimiter::comma:
      return ",";
    case Delimiter::tab:
      return "\t";
    case Delimiter::semicolon:
      return ";";
    case Delimiter::double_colon:
      return "::";
    case Delimiter::pipe:
      return "|";
  }
  return ",";
}

std::size_t fields_of_first_line(std::string_view text, Delimiter delimiter) {
  const auto separator = characters_of(delimiter);
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  std::size_t fields = 1;
  std::size_t at = 0;
  if (text.starts_with('"')) at = behind_quotes(text, 0);
  while (at < text.size() && text[at] != '\n' && text[at] != '\r') {
    if (!text.substr(at).starts_with(separator)) {
      ++at;
      continue;
    }
    ++fields;
    at += separator.size();
    if (at < text.size() && text[at] == '"') at = behind_quotes(text, at);
  }
  return fields;
}

Detected detect_delimiter(std::string_view text, std::size_t columns) {
  Detected found;
  std::size_t best = 1;
  const auto better = [&](std::size_t fields) {
    return best != columns && (fields == columns || fields > best);
  };
  for (const auto& [delimiter, name] : choice_names<Delimiter>) {
    const auto fields = fields_of_first_line(text, delimiter);
    if (better(fields)) {
      best = fields;
      found = {delimiter, std::nullopt};
    } else if (fields == best && fields > 1) {
      found.rival = delimiter;
    }
  }
  return found;
}

}  // namespace fedfuse
