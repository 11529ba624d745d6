#pragma once
// Progress on stderr: one line with rate and time left on a terminal, plain lines otherwise.
#include <cmath>
#include <cstdint>

namespace fedfuse {

class Progress {
 public:
  // done: rounds of an earlier start
  Progress(bool speaks, std::int64_t done, std::int64_t rounds);
  ~Progress();  // ends the line of a terminal
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // After a round. ndcg: validation NDCG@50, negative or NaN when not evaluated in this round.
  void show(std::int64_t round, double loss, double ndcg, std::int64_t participants);

 private:
  bool speaks_, terminal_;
  std::int64_t done_, rounds_;
  double start_, last_shown_ = 0, ndcg_ = std::nan("");
  std::int64_t client_rounds_ = 0;
};

}  // namespace fedfuse
