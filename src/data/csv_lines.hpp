#pragma once
// Cuts a text into records of fields (RFC 4180): quotes, doubled quotes, line ends within quotes,
// CRLF; any delimiter of delimiter.hpp. Views into the text where possible; a field with doubled
// quotes is kept in a store of its own.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/delimiter.hpp"

namespace fedfuse {

class CsvLines {
 public:
  // path: for messages only. The text must outlive the views. InputError when it is binary.
  CsvLines(std::string_view text, std::string path);
  // before the first record; at first it is the comma
  void separate_by(Delimiter delimiter) { separator_ = characters_of(delimiter); }
  // all of it, without a byte order mark
  [[nodiscard]] std::string_view text() const { return text_; }
  // The next record that is not empty; false at the end. The fields are valid as long as this
  // object.
  bool next(std::vector<std::string_view>& fields);
  // of the record's first character, from 1
  [[nodiscard]] std::int64_t line() const { return line_; }
  // its characters
  [[nodiscard]] std::string_view record() const { return text_.substr(record_, end_ - record_); }
  // InputError that names path and line
  [[noreturn]] void fail(const std::string& why, const std::string& what_to_do) const;

 private:
  std::string_view quoted();
  std::string_view bare();
  [[nodiscard]] bool at_line_end() const {
    return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
  }
  [[nodiscard]] bool at_separator() const {
    return text_[at_] == separator_[0] &&
           (separator_.size() == 1 || text_.substr(at_).starts_with(separator_));
  }
  void skip_line_end();

  std::string_view text_;
  std::string path_;
  std::size_t at_ = 0, record_ = 0, end_ = 0;
  std::int64_t line_ = 1, next_line_ = 1;
  std::string_view separator_ = characters_of(Delimiter::comma);
  std::deque<std::string> unescaped_;
};

}  // namespace fedfuse
