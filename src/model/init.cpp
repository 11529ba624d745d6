#include "model/init.hpp"

#include <algorithm>
#include <cmath>

#include "model/heads.hpp"

namespace fedfuse {

void init_normal(Matrix<float>& table, std::uint64_t seed, Purpose purpose, double std,
                 std::int64_t first) {
  const Rng rng(seed, purpose);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < table.rows; ++i)
    for (std::int64_t j = 0; j < table.cols; ++j)
      table(i, j) = float(std * rng.normal(std::uint64_t(first + i), 0, std::uint32_t(j)));
}

void init_xavier(std::span<float> weight, int out, int in, const Rng& rng, std::uint64_t who,
                 std::uint32_t first_index) {
  const double bound = std::sqrt(6.0 / (out + in));
  for (std::size_t j = 0; j < weight.size(); ++j)
    weight[j] = float(bound * (2 * rng.uniform(who, 0, first_index + std::uint32_t(j)) - 1));
}

void init_head(std::span<float> theta, const HeadLayout& h, std::uint64_t seed, std::uint64_t who) {
  const Rng rng(seed, Purpose::head);
  std::ranges::fill(theta, 0.0f);
  const auto weight = [&](int offset, int out, int in) {
    init_xavier(theta.subspan(std::size_t(offset), std::size_t(out) * std::size_t(in)), out, in,
                rng, who, std::uint32_t(offset));
  };
  with_head(h.kind, [&]<class Head> { Head::init(h, weight, theta); });
}

void init_user(std::span<float> user, std::uint64_t seed, std::uint64_t who, double std) {
  const Rng rng(seed, Purpose::user_vector);
  for (std::size_t j = 0; j < user.size(); ++j)
    user[j] = float(std * rng.normal(who, 0, std::uint32_t(j)));
}

void init_router(std::span<float> router, const RouterLayout& r, std::uint64_t seed,
                 std::uint64_t who) {
  const Rng rng(seed, Purpose::router);
  std::ranges::fill(router, 0.0f);
  init_xavier(router.subspan(0, std::size_t(r.phi1)), r.d, r.views * r.d, rng, who, 0);
  init_xavier(router.subspan(std::size_t(r.Phi2), std::size_t(r.views * r.d)), r.views, r.d, rng,
              who, std::uint32_t(r.Phi2));
}

}  // namespace fedfuse
