#pragma once
// The L2 norms of a round's uploads before the clip, as counts: 16 bins an octave, so that a
// quantile is right to 4.4 %.
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse {

class UploadNorms {
 public:
  UploadNorms() : bins_(std::size_t(octaves * per_octave)) {}
  void add(double norm, bool clipped);  // thread-safe
  void reduce(const Comm& comm);        // collective
  struct Summary {                      // NaN without an upload
    double q10, median, q90, largest, clipped_share;
  };
  [[nodiscard]] Summary summary() const;

 private:
  static constexpr int per_octave = 16, octaves = 80, lowest = -40;
  [[nodiscard]] double quantile(double share) const;
  std::mutex one_;
  std::vector<std::int64_t> bins_;
  std::int64_t count_ = 0, clipped_ = 0;
  double largest_ = 0;
};

}  // namespace fedfuse
