#include "core/comm.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/comm_call.hpp"
#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"

namespace fedfuse {

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  FEDFUSE_CHECK(provided >= MPI_THREAD_FUNNELED,
                "this MPI library cannot run beside OpenMP threads");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
}
MpiSession::~MpiSession() { MPI_Finalize(); }

Comm::Comm(MPI_Comm comm) : comm_(comm) {
  MPI_OK(MPI_Comm_rank(comm_, &rank_));
  MPI_OK(MPI_Comm_size(comm_, &size_));
}
Comm Comm::world() { return Comm(MPI_COMM_WORLD); }
Comm Comm::self() { return Comm(MPI_COMM_SELF); }
Comm Comm::without_mpi() { return {}; }

void Comm::count(Verb verb, std::size_t bytes, std::size_t sent) const {
  moved_->bytes[std::size_t(verb)] += std::int64_t(bytes);
  ++moved_->calls[std::size_t(verb)];
  moved_->sent += std::int64_t(sent);
}

// One rank has nobody to wait for or to send to: no verb calls MPI then.
void Comm::barrier() const {
  if (size_ == 1) return;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, 0);
  MPI_OK(MPI_Barrier(comm_));
}

int Comm::ranks_on_this_node() const { return on_this_node(MPI_Comm_size); }
int Comm::rank_on_this_node() const { return on_this_node(MPI_Comm_rank); }

int Comm::on_this_node(int (*ask)(MPI_Comm, int*)) const {
  if (comm_ == MPI_COMM_NULL) return ask == MPI_Comm_size ? 1 : 0;
  MPI_Comm node = MPI_COMM_NULL;
  MPI_OK(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  int answer = 0;
  MPI_OK(ask(node, &answer));
  MPI_OK(MPI_Comm_free(&node));
  return answer;
}

void Comm::sum(std::span<std::int64_t> values) const {
  if (size_ == 1) return;
  const mpi::Stopwatch watch(*moved_);
  constexpr std::size_t tile = std::size_t(1) << 27;
  for (std::size_t at = 0; at < values.size(); at += tile) {
    const auto part = values.subspan(at, std::min(tile, values.size() - at));
    const auto bytes = part.size_bytes();
    count(Verb::sum, bytes, 2 * (bytes - bytes / std::size_t(size_)));
    MPI_OK(MPI_Allreduce(MPI_IN_PLACE, part.data(), int(part.size()), MPI_INT64_T, MPI_SUM, comm_));
  }
}
void Comm::reduce_scatter(std::span<const std::int64_t> values,
                          std::span<const std::int64_t> counts,
                          std::span<std::int64_t> mine) const {
  const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t(0));
  FEDFUSE_CHECK(counts.size() == std::size_t(size_) && total == std::int64_t(values.size()) &&
                    counts[std::size_t(rank_)] == std::int64_t(mine.size()) &&
                    total <= std::numeric_limits<int>::max(),
                "a part of the numbers for each rank");
  if (size_ == 1) {
    std::ranges::copy(values, mine.begin());
    return;
  }
  const mpi::Stopwatch watch(*moved_);
  count(Verb::reduce_scatter, values.size_bytes(), values.size_bytes() - mine.size_bytes());
  const std::vector<int> parts(counts.begin(), counts.end());
  MPI_OK(MPI_Reduce_scatter(values.data(), mine.data(), parts.data(), MPI_INT64_T, MPI_SUM, comm_));
}
std::int64_t Comm::sum(std::int64_t value) const {
  sum(std::span(&value, 1));
  return value;
}
double Comm::min(double value) const {
  if (size_ == 1) return value;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, sizeof(value));
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MIN, comm_));
  return value;
}
double Comm::max(double value) const {
  if (size_ == 1) return value;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, sizeof(value));
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, comm_));
  return value;
}
double Comm::mean(double value) const {
  if (size_ == 1) return value;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, sizeof(value));
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_SUM, comm_));
  return value / size_;
}
std::int64_t Comm::max(std::int64_t value) const {
  if (size_ == 1) return value;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, sizeof(value));
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MAX, comm_));
  return value;
}
std::int64_t Comm::min(std::int64_t value) const {
  if (size_ == 1) return value;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, sizeof(value));
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MIN, comm_));
  return value;
}
std::optional<std::int64_t> Comm::min(std::optional<std::int64_t> value) const {
  constexpr auto none = std::numeric_limits<std::int64_t>::max();
  const auto least = min(value.value_or(none));
  if (least == none) return std::nullopt;
  return least;
}
std::int64_t Comm::exscan(std::int64_t value) const {
  if (size_ == 1) return 0;
  const mpi::Stopwatch watch(*moved_);
  count(Verb::agree, sizeof(value));
  std::int64_t before = 0;
  MPI_OK(MPI_Exscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, comm_));
  return rank_ == 0 ? 0 : before;
}

void Comm::broadcast_bytes(void* data, std::size_t bytes, int from) const {
  if (size_ == 1) return;
  const mpi::Stopwatch watch(*moved_);
  constexpr std::size_t tile = std::size_t(1) << 30;
  for (std::size_t at = 0; at < bytes; at += tile) {
    const auto part = std::min(tile, bytes - at), given = rank_ == from ? part : 0;
    count(Verb::broadcast, given, given);
    MPI_OK(MPI_Bcast(static_cast<char*>(data) + at, int(part), MPI_BYTE, from, comm_));
  }
}
void Comm::broadcast(std::string& text, int from) const {
  std::int64_t length = std::int64_t(text.size());
  broadcast(std::span(&length, 1), from);
  text.resize(std::size_t(length));
  broadcast_bytes(text.data(), text.size(), from);
}

void Comm::together(const std::function<void()>& work) const {
  enum Kind : std::int64_t { fine = 0, input = 1, internal = 2, stopped = 3 };
  std::int64_t kind = fine;
  std::string text;
  try {
    work();
  } catch (const InputError& e) {
    kind = input;
    text = e.what();
  } catch (const Stopped&) {
    kind = stopped;
  } catch (const std::exception& e) {
    kind = internal;
    text = cat("rank ", rank_, ": ", e.what());
  }
  int failed = kind == fine ? size_ : rank_, first = size_;
  if (size_ > 1) {
    const mpi::Stopwatch watch(*moved_);
    count(Verb::agree, sizeof(failed));
    MPI_OK(MPI_Allreduce(&failed, &first, 1, MPI_INT, MPI_MIN, comm_));
  } else {
    first = failed;
  }
  if (first == size_) return;
  broadcast(std::span(&kind, 1), first);
  broadcast(text, first);
  if (kind == input) throw InputError(text);
  if (kind == stopped) throw Stopped();
  throw InternalError(text);
}
void Comm::on_root(const std::function<void()>& work) const {
  together([&] {
    if (root()) work();
  });
}

int BlockSplit::owner(std::int64_t i) const {
  int rank = int((i * ranks) / std::max<std::int64_t>(n, 1));
  while (rank + 1 < ranks && first(rank + 1) <= i) ++rank;
  while (rank > 0 && first(rank) > i) --rank;
  return rank;
}

}  // namespace fedfuse
