#pragma once
// --time-budget: stop when the next round and what must be written after it would not end in time.
//   All times in seconds.
namespace fedfuse {

class TimeBudget {
 public:
  // seconds: of --time-budget; 0: none. start: now_seconds() of the program's begin
  TimeBudget(double seconds, double start) : budget_(seconds), start_(start) {}
  void round_took(double seconds);
  void save_took(double seconds);         // a checkpoint
  void save_is_expected_to_take(double);  // before the first
  [[nodiscard]] bool given() const { return budget_ > 0; }
  // At least one round is done first, so that repeated starts with a small budget make progress.
  [[nodiscard]] bool must_stop(double now) const;

 private:
  double budget_ = 0, start_, longest_round_ = 0, save_ = 0;
  bool saved_ = false;
};

}  // namespace fedfuse
