#pragma once
// A data set whose clients like items of a few kinds that the features show, and a teacher of the
// group prior over it.
#include <omp.h>

#include <algorithm>
#include <vector>

#include "core/comm.hpp"
#include "server/prior_teacher.hpp"
#include "tests/server/server_data.hpp"

namespace fedfuse::test {

struct PriorSetting {
  static constexpr std::int64_t groups = 4;
  Config config;
  Dataset data;
  Matrix<float> sums;
  std::vector<double> mass;

  // Features of width 24 and 20; items of group l have column l of the text raised.
  explicit PriorSetting(std::size_t M, std::int64_t projection = 256)
      : sums(std::int64_t(M), groups) {
    data = dataset_of(random_items(M, 8, 24, 20));
    config.prior.groups = groups;
    config.prior.hidden = 20;
    config.prior.projection = projection;
    config.prior.steps = 3;
    mass.assign(groups, 10.0);
    const auto S = random_values(M * groups, 1.0, 40);
    for (std::int64_t i = 0; i < data.items; ++i) {
      data.text(i, i % groups) += 2.0f;
      for (std::int64_t l = 0; l < groups; ++l)
        sums(i, l) = std::max(0.0f, float(S[std::size_t(i * groups + l)])) *
                     (i % groups == l ? 3.0f : 0.25f);
    }
  }
};

// Everything that two rounds leave, as bits.
inline std::vector<float> bits_of(PriorTeacher& teacher, const Comm& comm) {
  std::vector<float> bits;
  for (const auto& [name, values] : teacher.parameters())
    bits.insert(bits.end(), values.begin(), values.end());
  const auto L = teacher.logits(comm);
  bits.insert(bits.end(), L.values.begin(), L.values.end());
  return bits;
}

}  // namespace fedfuse::test
