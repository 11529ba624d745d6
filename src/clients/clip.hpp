#pragma once
// The bound of one client's upload (models.md section 10): x <- x min(1, C / |x|), |x| the L2 norm
// over all that goes to the server at once: the rows or the view gradients, and the change of a
// shared head. The bound holds for the integers that the sums take (R7), so that rounding breaks no
// proof.
#include <cstdint>
#include <span>

#include "core/config.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

class Clip {
 public:
  // bound: C. scale: of the sums' fixed point.
  Clip(double bound, double scale);
  struct Outcome {
    double norm;  // before; not finite where the upload is not
    bool clipped;
  };
  // Afterwards sum of squares of round(x scale) <= floor(C scale)^2, in integers. An upload within
  // the bound keeps its bits; one that is not finite is left to the sums, which refuse it.
  Outcome operator()(std::span<float> rows, std::span<float> head) const;

 private:
  // In doubles that hold the integers: for what is near the bound, or not finite.
  Outcome in_integers(std::span<float> rows, std::span<float> head) const;
  [[nodiscard]] double squares(std::span<const float> x) const;
  double scale_, most_;  // most_: floor(C scale)
};

// The most weight that a round's participants may have together, known before anybody trains; what
// counts clients alike has exactly this weight with --sampling fixed. It gives the sums their unit,
// which therefore tells nothing of the data.
[[nodiscard]] std::int64_t public_weight(const Config& config, const ModelSpec& spec,
                                         const Dataset& data);

}  // namespace fedfuse
