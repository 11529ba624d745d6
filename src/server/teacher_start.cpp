#include "server/teacher_start.hpp"

#include <numeric>
#include <utility>

#include "model/init.hpp"

namespace fedfuse::teacher {

void initialise(Parameters& parameters, std::uint64_t seed) {
  const Rng rng(seed, Purpose::teacher_weights);
  std::uint64_t who = 0;
  for (const auto& p : parameters.entries()) {
    const std::span<float> values(parameters.at(p.at), p.size());
    if (p.name == "e")
      for (std::size_t j = 0; j < values.size(); ++j)
        values[j] = float(rng.normal(who, 0, std::uint32_t(j)));
    else if (p.rows > 1)
      init_xavier(values, int(p.rows), int(p.cols), rng, who, 0);
    ++who;
  }
}

void shuffle(std::span<std::int32_t> order, const Rng& rng, std::int64_t epoch,
             std::int64_t round) {
  std::iota(order.begin(), order.end(), 0);
  RngStream words(rng, std::uint64_t(epoch), std::uint32_t(round));
  for (std::size_t n = order.size(); n > 1; --n)
    std::swap(order[n - 1], order[words.below(std::uint32_t(n))]);
}

}  // namespace fedfuse::teacher
