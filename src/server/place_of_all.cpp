#include "server/place_of_all.hpp"

#include <array>

#include "core/error.hpp"

namespace fedfuse {
namespace {

constexpr int key_digits = 8, id_digits = 4;

// From the most significant one, 0.
std::uint32_t digit(const Place& place, int d) {
  if (d < key_digits) return std::uint32_t(place.key >> 8 * (key_digits - 1 - d)) & 255u;
  return place.id >> 8 * (key_digits + id_digits - 1 - d) & 255u;
}

void append_digit(Place& place, int d, std::uint32_t value) {
  if (d < key_digits)
    place.key = place.key << 8 | value;
  else
    place.id = place.id << 8 | value;
}

}  // namespace

Place kth_of_all(std::vector<Place> mine, std::int64_t k, const Comm& comm) {
  Place found;
  for (int d = 0; d < key_digits + id_digits; ++d) {
    std::array<std::int64_t, 256> counts{};
    for (const auto& place : mine) ++counts[digit(place, d)];
    comm.sum(counts);
    std::uint32_t value = 0;
    while (value < 255 && k > counts[value]) k -= counts[value++];
    FEDFUSE_CHECK(k >= 1 && k <= counts[value], "there are fewer places than k");
    append_digit(found, d, value);
    std::erase_if(mine, [&](const Place& place) { return digit(place, d) != value; });
  }
  return found;
}

}  // namespace fedfuse
