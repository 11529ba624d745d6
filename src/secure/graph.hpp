#pragma once
// Who shares masks with whom (models.md section 14): a ring in random order, in which everybody is
// joined to the k / 2 next and the k / 2 before (Bell et al. 2020, ACM CCS, section 3). The same on
// every rank.
#include <cstdint>
#include <optional>
#include <vector>

namespace fedfuse {

// A client that was invited, and whether its upload arrived.
struct Invited {
  std::int32_t id = 0;
  std::int32_t came = 1;  // 0: it did not
};

class MaskGraph {
 public:
  // invited: of all ranks, in any order. degree: k, even, from 2 to the number of them less 1.
  MaskGraph(std::vector<Invited> invited, int degree, std::uint64_t seed, std::int64_t round);

  [[nodiscard]] std::int64_t clients() const { return std::int64_t(ring_.size()); }
  [[nodiscard]] int degree() const { return degree_; }
  // A place in the ring, and who has it.
  [[nodiscard]] std::int64_t place_of(std::int32_t id) const { return places_[std::size_t(id)]; }
  [[nodiscard]] const Invited& at(std::int64_t place) const { return ring_[std::size_t(place)]; }
  // The n-th neighbour's place, n from 0 to k - 1.
  [[nodiscard]] std::int64_t neighbour(std::int64_t place, int n) const {
    const int half = degree_ / 2;
    const std::int64_t step = n < half ? n + 1 : half - 1 - n;
    const std::int64_t there = place + step;
    return there < 0 ? there + clients() : there >= clients() ? there - clients() : there;
  }
  // Of all clients, the fewest neighbours that came. Where they are fewer than the threshold, the
  // secrets of that client cannot be put together again.
  [[nodiscard]] int fewest_left() const;
  [[nodiscard]] std::int64_t gone() const;

 private:
  std::vector<Invited> ring_;
  std::vector<std::int32_t> places_;  // by id; -1: not invited
  int degree_;
};

// k and t of a graph of n clients, of which at most the share `corrupt` works with the server and
// the share `gone` does not come, each independently: the smallest even k with a t such that,
// summed over all clients,
//   P(t or more corrupt neighbours)              <= 2^-40   (t shares betray a secret)
//   P(fewer than t neighbours came)              <= 2^-30   (t shares are needed)
//   P(every neighbour is corrupt or gone)        <= 2^-40   (a client would stand alone)
// Binomial bounds in the manner of Bell et al. (2020); ours. None: no k below n is enough.
struct GraphSize {
  int degree = 0, threshold = 0;
};
[[nodiscard]] std::optional<GraphSize> smallest_graph(std::int64_t clients, double corrupt,
                                                      double gone);

}  // namespace fedfuse
