#include "secure/graph.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/rng.hpp"

namespace fedfuse {
namespace {

// log C(n, k) p^k (1 - p)^(n - k)
double log_binomial(int n, int k, double p) {
  if (p <= 0) return k == 0 ? 0.0 : -INFINITY;
  if (p >= 1) return k == n ? 0.0 : -INFINITY;
  return std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) + k * std::log(p) +
         (n - k) * std::log1p(-p);
}

// P(from <= X <= to), the least terms first.
double between(int n, int from, int to, double p) {
  std::vector<double> terms;
  for (int k = from; k <= to; ++k) terms.push_back(std::exp(log_binomial(n, k, p)));
  std::ranges::sort(terms);
  return std::accumulate(terms.begin(), terms.end(), 0.0);
}

// The smallest t that corrupt neighbours do not reach; 0: there is none.
int least_threshold(std::int64_t clients, int degree, double corrupt) {
  for (int t = 1; t <= degree; ++t)
    if (double(clients) * between(degree, t, degree, corrupt) <= 0x1p-40) return t;
  return 0;
}

}  // namespace

MaskGraph::MaskGraph(std::vector<Invited> invited, int degree, std::uint64_t seed,
                     std::int64_t round)
    : ring_(std::move(invited)), degree_(degree) {
  FEDFUSE_CHECK(degree >= 2 && degree % 2 == 0 && degree < clients(),
                "a ring of mask partners has an even degree below its clients");
  const Rng rng(seed, Purpose::secure_ring);
  const auto key = [&](const Invited& one) {
    return std::pair{rng.bits(std::uint64_t(one.id), std::uint32_t(round), 0), one.id};
  };
  std::vector<std::pair<std::pair<std::uint64_t, std::int32_t>, std::int32_t>> keyed;
  keyed.reserve(ring_.size());
  for (const auto& one : ring_) keyed.emplace_back(key(one), one.came);
  std::ranges::sort(keyed);
  std::int32_t largest = 0;
  for (std::size_t place = 0; place < keyed.size(); ++place) {
    ring_[place] = {keyed[place].first.second, keyed[place].second};
    largest = std::max(largest, ring_[place].id);
  }
  places_.assign(std::size_t(largest) + 1, -1);
  for (std::size_t place = 0; place < ring_.size(); ++place)
    places_[std::size_t(ring_[place].id)] = std::int32_t(place);
}

// A sum over a window that moves along the ring.
int MaskGraph::fewest_left() const {
  const auto came = [&](std::int64_t place) { return at(place).came; };
  int left = 0, fewest = degree_;
  for (int n = 0; n < degree_; ++n) left += came(neighbour(0, n));
  for (std::int64_t place = 0;; ++place) {
    fewest = std::min(fewest, left);
    if (place + 1 == clients()) return fewest;
    // of the next place: itself leaves the neighbours, the one before enters, and both ends move
    left += came(place) - came(place + 1);
    left += came(neighbour(place + 1, degree_ / 2 - 1)) - came(neighbour(place, degree_ - 1));
  }
}

std::int64_t MaskGraph::gone() const {
  return std::ranges::count_if(ring_, [](const Invited& one) { return one.came == 0; });
}

std::optional<GraphSize> smallest_graph(std::int64_t clients, double corrupt, double gone) {
  constexpr int largest = 4096;
  for (int degree = 2; degree < std::min<std::int64_t>(clients, largest); degree += 2) {
    if (double(clients) * std::pow(corrupt + gone, degree) > 0x1p-40) continue;
    const int t = least_threshold(clients, degree, corrupt);
    if (t > 0 && double(clients) * between(degree, 0, t - 1, 1 - gone) <= 0x1p-30)
      return GraphSize{degree, t};
  }
  return std::nullopt;
}

}  // namespace fedfuse
