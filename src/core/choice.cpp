#include "core/choice.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/text.hpp"

namespace fedfuse {
namespace {

// Letters to insert, drop or change.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_word(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  auto least = word.size() / 4 + 2;
  for (const auto& candidate : known)
    if (const auto distance = edit_distance(word, candidate); distance < least) {
      least = distance;
      best = candidate;
    }
  return best;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string list;
  for (const auto& word : words) {
    if (!list.empty()) list += separator;
    list += word;
  }
  return list;
}

InputError unknown_choice(std::string_view option, std::string_view given,
                          const std::vector<std::string>& names) {
  const auto near = nearest_word(std::string(given), names);
  return {cat(option, " \"", given, "\""),
          cat("there is no such choice", near.empty() ? "" : cat("; did you mean ", near, "?")),
          cat("use one of: ", joined(names, ", "))};
}

}  // namespace fedfuse
