#include "server/distillation.hpp"

#include <cmath>
#include <numbers>

namespace fedfuse {

double DistillationSchedule::lambda(std::int64_t round) const {
  if (round < options_.start) return 0.0;
  double value = options_.weight;
  if (options_.schedule == DistillSchedule::cosine)
    value *= std::cos(std::numbers::pi * double(round) / (2.0 * double(rounds_)));
  if (options_.balance && distillation_ > 1e-12) value *= recommendation_ / distillation_;
  return value > 0 ? value : 0.0;
}

void DistillationSchedule::observe(double recommendation_loss, double distillation_loss) {
  constexpr double decay = 0.9;
  const bool first = recommendation_ == 0 && distillation_ == 0;
  recommendation_ =
      first ? recommendation_loss : decay * recommendation_ + (1 - decay) * recommendation_loss;
  distillation_ =
      first ? distillation_loss : decay * distillation_ + (1 - decay) * distillation_loss;
}

void DistillationSchedule::visit(StateVisitor& visitor, const std::string& name) {
  visitor.number(name + "/recommendation", recommendation_);
  visitor.number(name + "/distillation", distillation_);
}

}  // namespace fedfuse
