#pragma once
// --time-budget: stop when the next round and what must be written after it would not end in time.
//   All times in seconds.
#include <string>

namespace fedfuse {

class TimeBudget {
 public:
  // budget: as --time-budget; empty: none. start: now_seconds() of the program's begin
  TimeBudget(const std::string& budget, double start);
  void round_took(double seconds);
  void save_took(double seconds);         // a checkpoint
  void save_is_expected_to_take(double);  // before the first
  [[nodiscard]] bool given() const { return budget_ > 0; }
  // At least one round is done first: whoever starts again and again with a small budget must get
  // on.
  [[nodiscard]] bool must_stop(double now) const;

 private:
  double budget_ = 0, start_, longest_round_ = 0, save_ = 0;
  bool saved_ = false;
};

}  // namespace fedfuse
