#include "results/toml.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

class Parser {
 public:
  Parser(const std::string& text, const std::string& source) : text_(text), source_(source) {
    constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";
    if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF"))
      fail("it is UTF-16, and TOML is UTF-8");
    if (text_.starts_with(utf8_mark)) at_ = utf8_mark.size();
    if (const auto nul = text_.find('\0'); nul != std::string::npos) {
      at_ = nul;
      fail("it holds a zero byte: it is a binary file, or damaged");
    }
  }

  Json parse() {
    constexpr std::size_t most_settings = 1000;  // ten times the options
    Json all = Json::object();
    for (skip(true); !done(); skip(true)) {
      if (peek() == '[')
        fail("there are no tables in this file: every setting stands at the top level");
      const auto name = key();
      skip(false);
      if (done() || peek() != '=') fail(cat("\"", name, "\" is not followed by ="));
      ++at_;
      skip(false);
      if (all.contains(name)) fail(cat("\"", name, "\" is set twice"));
      if (all.size() == most_settings) fail(cat("it has more than ", most_settings, " settings"));
      all[name] = value();
      skip(false);
      if (!done() && peek() != '\n') fail(cat("something follows the value of \"", name, "\""));
    }
    return all;
  }

 private:
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return text_[at_]; }
  [[noreturn]] void fail(const std::string& why) const {
    const auto line =
        1 + std::count(text_.begin(), text_.begin() + std::ptrdiff_t(std::min(at_, text_.size())),
                       '\n');
    throw InputError(cat("cannot read ", source_, ", line ", line), why,
                     "write settings as name = value, texts in \"quotes\" (`fedfuse train "
                     "--dump-config` shows all)");
  }

  void skip(bool line_ends) {  // blanks and comments
    while (!done()) {
      const char c = peek();
      if (c == '#') {
        while (!done() && peek() != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\r' || (line_ends && c == '\n')) {
        ++at_;
      } else {
        return;
      }
    }
  }

  static bool bare(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '+' ||
           c == '.';
  }
  std::string word() {
    const auto begin = at_;
    while (!done() && bare(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::string key() {
    if (peek() == '"' || peek() == '\'') return quoted();
    const auto name = word();
    if (name.empty()) fail(cat("a name was expected, not '", peek(), "'"));
    return name;
  }

  std::string quoted() {
    const char quote = peek();
    if (text_.compare(at_, 3, std::string(3, quote)) == 0)
      fail("texts over several lines are not read");
    const auto begin = ++at_;
    while (!done() && peek() != quote && peek() != '\n')
      at_ += (quote == '"' && peek() == '\\') ? 2 : 1;
    if (done() || peek() != quote) fail("a text has no closing quote");
    auto raw = text_.substr(begin, at_ - begin);
    ++at_;
    if (quote == '\'') return raw;
    // the escapes are those of JSON
    const auto text = Json::parse(cat('"', raw, '"'), nullptr, false);
    if (!text.is_string()) fail("a text has an escape that is not known");
    return text.get<std::string>();
  }

  // The settings need one level. A file of thousands would end the stack.
  Json array() {
    constexpr int deepest = 16;
    if (++depth_ > deepest) fail(cat("arrays are nested deeper than ", deepest, " levels"));
    Json values = Json::array();
    for (++at_, skip(true);; skip(true)) {
      if (done()) fail("an array has no closing ]");
      if (peek() == ']') break;
      values.push_back(value());
      skip(true);
      if (!done() && peek() == ',')
        ++at_;
      else if (done() || peek() != ']')
        fail("array elements are not separated by a comma");
    }
    ++at_;
    --depth_;
    return values;
  }

  Json value() {
    if (done() || peek() == '\n') fail("a value is missing");
    if (peek() == '"' || peek() == '\'') return quoted();
    if (peek() == '[') return array();
    auto token = word();
    if (token == "true") return true;
    if (token == "false") return false;
    std::erase(token, '_');
    return number(token);
  }

  Json number(const std::string& token) {
    const bool negative = token.starts_with('-');
    const auto digits = token.substr(negative || token.starts_with('+') ? 1 : 0);
    const bool integer = !digits.empty() && std::ranges::all_of(digits, [](unsigned char c) {
      return std::isdigit(c) != 0;
    });
    // refuses inf, nan and the rest
    const auto read = Json::parse(negative ? "-" + digits : digits, nullptr, false);
    if (!read.is_number())
      fail(token.empty()
               ? "a value is missing"
               : cat("\"", token, "\" is no number, true or false; texts stand in quotes"));
    if (integer && !read.is_number_integer()) fail(cat(token, " is too large"));
    return read;
  }

  const std::string& text_;
  const std::string& source_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

nlohmann::ordered_json parse_toml(const std::string& text, const std::string& source) {
  return Parser(text, source).parse();
}

}  // namespace fedfuse
