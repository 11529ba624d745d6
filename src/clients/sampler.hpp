#pragma once
// The participants of a round, and the samples that a client trains on: pure functions of (seed,
// round, client).
#include <cstdint>
#include <span>
#include <vector>

#include "core/config.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"

namespace fedfuse {

// S_r: round(fraction * clients) of all clients (at least one), without replacement; or, with
// --sampling poisson, each by itself with probability `fraction`, perhaps none. The positions in
// data.client_ids of those that live on this rank, ascending.
[[nodiscard]] std::vector<std::int32_t> sample_participants(const Config& config,
                                                            const Dataset& data,
                                                            std::int64_t round);

using sample::Samples;

// The draws of all clients of a rank (kernels/sample).
class Sampler {
 public:
  Sampler(const Config& config, const Dataset& data, const Kernels& kernels = {});
  Sampler(const Sampler&) = delete;  // its rules refer to its list
  Sampler& operator=(const Sampler&) = delete;
  ~Sampler() = default;
  // Fills `samples`, whose memory is reused from client to client.
  void draw(std::int64_t local, std::int64_t round, Samples& samples) const;
  // lives as long as the sampler
  [[nodiscard]] const sample::Rules& rules() const { return rules_; }

 private:
  const Dataset& data_;
  sample::Function draw_;
  sample::Rules rules_;
  std::vector<std::int32_t> trained_items_;  // for trained-items only
};

}  // namespace fedfuse
