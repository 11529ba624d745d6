#pragma once
// Cuts a text into records of fields (RFC 4180): quotes, doubled quotes, line ends within quotes,
// CRLF. Views into the text where possible; a field with doubled quotes is kept in a store of its
// own.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace fedfuse {

class CsvLines {
 public:
  // path: for messages only. The text must outlive the views.
  CsvLines(std::string_view text, std::string path);
  // The next record that is not empty; false at the end. The fields are valid as long as this
  // object.
  bool next(std::vector<std::string_view>& fields);
  // of the record's first character, from 1
  [[nodiscard]] std::int64_t line() const { return line_; }
  [[nodiscard]] char separator() const { return separator_; }
  // InputError that names path and line
  [[noreturn]] void fail(const std::string& why, const std::string& what_to_do) const;

 private:
  std::string_view quoted();
  std::string_view bare();
  [[nodiscard]] bool at_line_end() const {
    return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
  }
  void skip_line_end();
  void choose_separator();

  std::string_view text_;
  std::string path_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1, next_line_ = 1;
  char separator_ = ',';
  std::deque<std::string> unescaped_;
};

}  // namespace fedfuse
