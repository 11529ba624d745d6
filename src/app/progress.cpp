#include "app/progress.hpp"

#include <unistd.h>

#include <cstdio>

#include "app/print.hpp"
#include "core/timer.hpp"

namespace fedfuse {

Progress::Progress(bool speaks, std::int64_t done, std::int64_t rounds)
    : speaks_(speaks),
      terminal_(isatty(STDERR_FILENO) != 0),
      done_(done),
      rounds_(rounds),
      start_(now_seconds()),
      last_shown_(start_) {}

Progress::~Progress() {
  if (speaks_ && terminal_ && client_rounds_ > 0) std::fputc('\n', stderr);
}

bool Progress::is_due(std::int64_t round, double now) const {
  if (!terminal_) return now - last_shown_ >= 60;
  return round == rounds_ || round == done_ + 1 || now - last_shown_ >= 0.1;
}

void Progress::show(std::int64_t round, double loss, double ndcg, std::int64_t participants) {
  client_rounds_ += participants;
  if (ndcg >= 0) ndcg_ = ndcg;
  const double now = now_seconds();
  if (!speaks_ || !is_due(round, now)) return;
  last_shown_ = now;
  const double seconds = now - start_,
               left = seconds / double(round - done_) * double(rounds_ - round);
  std::fprintf(stderr,
               "%sround %lld/%lld  loss %s  valid NDCG@50 %s  %.0f client-rounds/s  %.0f s left%s",
               terminal_ ? "\r" : "", static_cast<long long>(round),
               static_cast<long long>(rounds_), fixed(loss, 4).c_str(), fixed(ndcg_, 4).c_str(),
               double(client_rounds_) / seconds, left, terminal_ ? "   " : "\n");
  std::fflush(stderr);
}

}  // namespace fedfuse
