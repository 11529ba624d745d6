#pragma once
// lambda_r (models.md section 3, step 5): constant or cosine, from a start round, optionally times
// the running ratio of the recommendation loss to the distillation loss.
#include <cstdint>

#include "clients/state_visitor.hpp"
#include "core/config/gfmfr.hpp"

namespace fedfuse {

class DistillationSchedule {
 public:
  DistillationSchedule(const DistillationOptions& options, std::int64_t rounds)
      : options_(options), rounds_(rounds) {}
  [[nodiscard]] double lambda(std::int64_t round) const;  // 0 before --distill-start
  // after a round that distilled
  void observe(double recommendation_loss, double distillation_loss);
  void visit(StateVisitor& visitor, const std::string& name);

 private:
  DistillationOptions options_;
  std::int64_t rounds_;
  double recommendation_ = 0, distillation_ = 0;  // running means, decay 0.9
};

}  // namespace fedfuse
