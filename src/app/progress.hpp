#pragma once
// Progress on stderr: one line with rate and time left on a terminal. Elsewhere, as in the log of a
// batch job, a line once a minute.
#include <cmath>
#include <cstdint>

namespace fedfuse {

class Progress {
 public:
  // speaks: false keeps silent. done: rounds of an earlier start.
  Progress(bool speaks, std::int64_t done, std::int64_t rounds);
  ~Progress();  // ends the line of a terminal
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // After a round. ndcg: validation NDCG@50, negative or NaN when not evaluated in this round.
  void show(std::int64_t round, double loss, double ndcg, std::int64_t participants);

 private:
  [[nodiscard]] bool is_due(std::int64_t round, double now) const;
  bool speaks_, terminal_;
  std::int64_t done_, rounds_;
  double start_, last_shown_, ndcg_ = std::nan("");
  std::int64_t client_rounds_ = 0;
};

}  // namespace fedfuse
