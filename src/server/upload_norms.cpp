#include "server/upload_norms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedfuse {

void UploadNorms::add(double norm, bool clipped) {
  const double place = (std::log2(std::max(norm, 0x1p-40)) - lowest) * per_octave;
  const auto bin = std::size_t(std::clamp(place, 0.0, double(bins_.size() - 1)));
  const std::lock_guard hold(one_);
  ++bins_[bin];
  ++count_;
  clipped_ += clipped ? 1 : 0;
  largest_ = std::max(largest_, norm);
}

void UploadNorms::reduce(const Comm& comm) {
  comm.sum(bins_);
  count_ = comm.sum(count_);
  clipped_ = comm.sum(clipped_);
  largest_ = comm.max(largest_);
}

// The middle, by ratio, of the bin in which the share lies.
double UploadNorms::quantile(double share) const {
  const auto wanted = std::int64_t(std::ceil(share * double(count_)));
  std::int64_t below = 0;
  std::size_t bin = 0;
  for (; bin + 1 < bins_.size(); ++bin) {
    below += bins_[bin];
    if (below >= wanted) break;
  }
  return std::exp2(lowest + (double(bin) + 0.5) / per_octave);
}

UploadNorms::Summary UploadNorms::summary() const {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (count_ == 0) return {none, none, none, none, none};
  return {quantile(0.1), quantile(0.5), quantile(0.9), largest_, double(clipped_) / double(count_)};
}

}  // namespace fedfuse
