#include "support/caches.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fedfuse::bench {
namespace {

// The file's first word; "" where there is none.
std::string word_of(const std::string& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

// "32K", "1M"; 0 for what is no size.
std::size_t bytes_of(const std::string& text) {
  std::size_t number = 0, at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    number = 10 * number + std::size_t(text[at] - '0');
  const auto unit = text.substr(at);
  if (unit == "K") return number << 10;
  if (unit == "M") return number << 20;
  return unit.empty() ? number : 0;
}

// "0-3,8": 5; at least 1.
int processors_in(const std::string& list) {
  std::istringstream parts(list);
  int count = 0;
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0;
    char dash = 0;
    std::istringstream range(part);
    if (!(range >> first)) continue;
    int last = first;
    range >> dash >> last;
    count += std::max(last, first) - first + 1;
  }
  return std::max(count, 1);
}

}  // namespace

std::vector<Cache> read_caches(const std::string& folder) {
  std::vector<Cache> found;
  for (int index = 0;; ++index) {
    const auto here = folder + "/index" + std::to_string(index);
    if (!std::filesystem::exists(here)) break;
    const Cache cache{.level = int(bytes_of(word_of(here + "/level"))),
                      .bytes = bytes_of(word_of(here + "/size")),
                      .sharers = processors_in(word_of(here + "/shared_cpu_list"))};
    const bool of_data = word_of(here + "/type") != "Instruction";
    if (of_data && cache.level > 0 && cache.bytes > 0) found.push_back(cache);
  }
  std::ranges::sort(found, {}, &Cache::level);
  return found;
}

}  // namespace fedfuse::bench
