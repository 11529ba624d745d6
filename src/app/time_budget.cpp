#include "app/time_budget.hpp"

#include <algorithm>

namespace fedfuse {

void TimeBudget::round_took(double seconds) { longest_round_ = std::max(longest_round_, seconds); }
void TimeBudget::save_took(double seconds) {
  save_ = saved_ ? std::max(save_, seconds) : seconds;
  saved_ = true;
}
void TimeBudget::save_is_expected_to_take(double seconds) {
  if (!saved_) save_ = seconds;
}

bool TimeBudget::must_stop(double now) const {
  if (!given() || longest_round_ <= 0) return false;
  constexpr double round_margin = 1.1;
  constexpr double files = 2;  // the checkpoint, and the result so far, which is about as large
  return now - start_ + round_margin * longest_round_ + files * save_ > budget_;
}

}  // namespace fedfuse
