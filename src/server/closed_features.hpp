#pragma once
// What the closed teacher regresses on (models.md section 3, "closed"):
//
//   x[i] = [ E[i] / s ; 1 ; ReLU(Omega E[i] / s) ]      E[i] = [ E_t[i] ; E_v[i] ]
//
// Omega: K x F, N(0, 1) from the seed. s^2: the mean over the items of |E[i]|^2. A modality that an
// item lacks is zero.
#include <cstdint>

#include "core/config.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

class ClosedFeatures {
 public:
  static constexpr std::int64_t block_items = 256;
  // data must outlive it. Keeps ReLU(...) of items [first, first + count), whole blocks but for the
  // last one of all items.
  ClosedFeatures(const Config& config, const Dataset& data, std::int64_t first, std::int64_t count);

  [[nodiscard]] std::int64_t width() const { return given_ + 1 + hidden_.cols; }  // F'
  [[nodiscard]] static std::int64_t width(const Config& config, const Dataset& data);
  // x of items [first, first + count), which must be among those kept: count x F'
  void rows(std::int64_t first, std::int64_t count, double* to) const;

 private:
  void given(std::int64_t item, float* to) const;  // E[i] / s
  void make_hidden(std::uint64_t seed);
  const Dataset& data_;
  std::int64_t given_, first_;  // F; the first item kept
  double scale_ = 1.0;          // 1 / s
  Matrix<float> hidden_;        // count x K
};

}  // namespace fedfuse
