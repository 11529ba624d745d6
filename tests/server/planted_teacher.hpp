#pragma once
// A data set whose targets a network of the right kind can learn: groups weigh text and image
// differently.
#include <omp.h>

#include <memory>
#include <vector>

#include "core/comm.hpp"
#include "core/gpu/device.hpp"
#include "server/teacher.hpp"
#include "tests/server/server_data.hpp"

namespace fedfuse::test {

struct Planted {
  Config config;
  Dataset data;
  std::vector<Matrix<float>> targets;
  explicit Planted(std::size_t M, std::int64_t groups = 3, std::int64_t d = 16) {
    const auto items = random_items(M, std::size_t(d), 24, d == 32 ? 40 : 20);
    data = dataset_of(items);
    config.model.fusion = "gfmfr";
    config.model.dim = d;
    config.gfmfr.group_dim = 12;
    config.gfmfr.groups = groups;
    config.gfmfr.teacher.epochs = 10;
    config.gfmfr.teacher.batch = 60;
    config.gfmfr.teacher.lr = 3e-3;
    for (std::int64_t l = 0; l < groups; ++l) {
      Matrix<float> C(std::int64_t(M), d);
      for (std::int64_t i = 0; i < C.rows; ++i)
        for (std::int64_t k = 0; k < d; ++k)
          C(i, k) =
              0.3f * (float(l) * data.text(i, k % 24) * float(data.has_text[std::size_t(i)]) +
                      float(2 - l) * data.image(i, k % 20) * float(data.has_image[std::size_t(i)]));
      targets.push_back(C);
    }
  }
};

// The bits of two rounds: losses, preferences, parameters.
inline std::vector<float> trained(const Planted& planted, const Comm& comm, int threads,
                                  const std::shared_ptr<gpu::Device>& device = nullptr) {
  omp_set_num_threads(threads);
  GroupTeacher teacher(planted.config, resolve(planted.config), planted.data, device);
  std::vector<float> bits;
  for (int round = 1; round <= 2; ++round)
    bits.push_back(float(teacher.train(planted.targets, round, comm)));
  const auto w = matrix_of(3, random_values(3 * std::size_t(planted.config.model.dim), 0.5, 90));
  const auto pref = teacher.preference(w, std::vector<float>{0.1f, -0.2f, 0.3f}, comm);
  bits.insert(bits.end(), pref.values.begin(), pref.values.end());
  for (const auto& [name, values] : teacher.parameters())
    bits.insert(bits.end(), values.begin(), values.end());
  return bits;
}

}  // namespace fedfuse::test
