#include "data/csv_lines.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

CsvLines::CsvLines(std::string_view text, std::string path) : text_(text), path_(std::move(path)) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  if (const auto nul = text_.find('\0'); nul != std::string_view::npos) {
    line_ = 1 + std::count(text_.begin(), text_.begin() + std::ptrdiff_t(nul), '\n');
    fail("it holds a zero byte: it is a binary file, or UTF-16, or damaged",
         "give a CSV file in UTF-8");
  }
}

void CsvLines::fail(const std::string& why, const std::string& what_to_do) const {
  throw InputError(cat("cannot use ", path_, ", line ", line_), why, what_to_do);
}

void CsvLines::skip_line_end() {
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ < text_.size() && text_[at_] == '\n') ++at_;
  ++next_line_;
}

std::string_view CsvLines::bare() {
  const auto begin = at_;
  while (!at_line_end() && !at_separator()) ++at_;
  auto field = text_.substr(begin, at_ - begin);
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
  return field;
}

std::string_view CsvLines::quoted() {
  std::string whole;
  const auto begin = ++at_;
  auto piece = begin;
  while (true) {
    const auto quote = text_.find('"', at_);
    if (quote == std::string_view::npos)
      fail("a quoted field does not end: the file is truncated, or a quote is missing",
           "repair the line");
    next_line_ += std::count(text_.begin() + std::ptrdiff_t(at_),
                             text_.begin() + std::ptrdiff_t(quote), '\n');
    at_ = quote + 1;
    if (at_ >= text_.size() || text_[at_] != '"') break;
    whole += text_.substr(piece, at_ - piece);  // with one of the two quotes
    piece = ++at_;
  }
  if (!at_line_end() && !at_separator())
    fail("something follows a closing quote", "repair the line");
  if (piece == begin) return text_.substr(begin, at_ - 1 - begin);
  whole += text_.substr(piece, at_ - 1 - piece);
  return unescaped_.emplace_back(std::move(whole));
}

bool CsvLines::next(std::vector<std::string_view>& fields) {
  while (at_ < text_.size() && at_line_end()) skip_line_end();
  if (at_ >= text_.size()) return false;
  line_ = next_line_;
  record_ = at_;
  fields.clear();
  while (true) {
    fields.push_back(!at_line_end() && text_[at_] == '"' ? quoted() : bare());
    if (at_line_end()) break;
    at_ += separator_.size();
  }
  end_ = at_;
  skip_line_end();
  return true;
}

}  // namespace fedfuse
