#include "core/comm.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace fedfuse {
namespace {

void check_mpi(int status, const char* expression, int line) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0, rank = -1;
  MPI_Error_string(status, text, &length);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  throw InternalError(cat(__FILE__, ":", line, ": ", expression, " on rank ", rank, ": ",
                          std::string(text, std::size_t(length))));
}
#define MPI_OK(call) check_mpi((call), #call, __LINE__)

class Stopwatch {
 public:
  explicit Stopwatch(MovedBytes& moved) : seconds_(moved.seconds), start_(now_seconds()) {}
  ~Stopwatch() { seconds_ += now_seconds() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  double start_;
};

// Counts and displacements of a variable exchange; MPI-3 counts are ints.
struct Layout {
  std::vector<int> counts, starts;
  std::size_t total = 0;
  explicit Layout(const std::vector<std::int64_t>& bytes) {
    for (const auto b : bytes) {
      FEDFUSE_CHECK(total + std::size_t(b) < (std::size_t(1) << 31) * chunk,
                    "a gathered array is too large for one MPI call");
      counts.push_back(int((b + chunk - 1) / chunk));
      starts.push_back(int(total / chunk));
      total += std::size_t(counts.back()) * chunk;
    }
  }
  // moved in units of 64 bytes, so that ints reach 128 GiB
  static constexpr std::int64_t chunk = 64;
};

class ChunkType {
 public:
  ChunkType() {
    MPI_OK(MPI_Type_contiguous(int(Layout::chunk), MPI_BYTE, &type_));
    MPI_OK(MPI_Type_commit(&type_));
  }
  ~ChunkType() { MPI_Type_free(&type_); }
  ChunkType(const ChunkType&) = delete;
  ChunkType& operator=(const ChunkType&) = delete;
  operator MPI_Datatype() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

// Drops the padding that rounding to chunks put behind each part.
std::vector<std::byte> unpad(const std::vector<std::byte>& padded,
                             const std::vector<std::int64_t>& bytes, const Layout& layout) {
  std::vector<std::byte> out;
  out.reserve(padded.size());
  for (std::size_t r = 0; r < bytes.size(); ++r) {
    const auto* begin = padded.data() + std::int64_t(layout.starts[r]) * Layout::chunk;
    out.insert(out.end(), begin, begin + bytes[r]);
  }
  return out;
}

}  // namespace

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

// One rank has nobody to wait for or to send to: no verb calls MPI then.
void Comm::barrier() const {
  if (size_ == 1) return;
  const Stopwatch watch(*moved_);
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
  const Stopwatch watch(*moved_);
  moved_->summed += std::int64_t(values.size_bytes());
  constexpr std::size_t tile = std::size_t(1) << 27;
  for (std::size_t at = 0; at < values.size(); at += tile)
    MPI_OK(MPI_Allreduce(MPI_IN_PLACE, values.data() + at, int(std::min(tile, values.size() - at)),
                         MPI_INT64_T, MPI_SUM, comm_));
}
std::int64_t Comm::sum(std::int64_t value) const {
  sum(std::span(&value, 1));
  return value;
}
double Comm::min(double value) const {
  if (size_ == 1) return value;
  const Stopwatch watch(*moved_);
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MIN, comm_));
  return value;
}
double Comm::max(double value) const {
  if (size_ == 1) return value;
  const Stopwatch watch(*moved_);
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, comm_));
  return value;
}
double Comm::mean(double value) const {
  if (size_ == 1) return value;
  const Stopwatch watch(*moved_);
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_SUM, comm_));
  return value / size_;
}
std::int64_t Comm::max(std::int64_t value) const {
  if (size_ == 1) return value;
  const Stopwatch watch(*moved_);
  MPI_OK(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MAX, comm_));
  return value;
}
std::int64_t Comm::min(std::int64_t value) const {
  if (size_ == 1) return value;
  const Stopwatch watch(*moved_);
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
  const Stopwatch watch(*moved_);
  std::int64_t before = 0;
  MPI_OK(MPI_Exscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, comm_));
  return rank_ == 0 ? 0 : before;
}

void Comm::broadcast_bytes(void* data, std::size_t bytes, int from) const {
  if (size_ == 1) return;
  const Stopwatch watch(*moved_);
  constexpr std::size_t tile = std::size_t(1) << 30;
  if (rank_ == from) moved_->gathered += std::int64_t(bytes);
  for (std::size_t at = 0; at < bytes; at += tile)
    MPI_OK(MPI_Bcast(static_cast<char*>(data) + at, int(std::min(tile, bytes - at)), MPI_BYTE, from,
                     comm_));
}
void Comm::broadcast(std::string& text, int from) const {
  std::int64_t length = std::int64_t(text.size());
  broadcast(std::span(&length, 1), from);
  text.resize(std::size_t(length));
  broadcast_bytes(text.data(), text.size(), from);
}

void Comm::copy_bytes(void* to, const std::vector<std::byte>& from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

std::vector<std::byte> Comm::all_gather_bytes(const void* data, std::size_t bytes) const {
  const std::int64_t mine = std::int64_t(bytes);
  if (size_ == 1) {
    const auto* from = static_cast<const std::byte*>(data);
    return {from, from + bytes};
  }
  const Stopwatch watch(*moved_);
  moved_->gathered += mine;
  std::vector<std::int64_t> sizes(std::size_t(size_), 0);
  MPI_OK(MPI_Allgather(&mine, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, comm_));
  const Layout layout(sizes);
  const auto my_chunks = layout.counts[std::size_t(rank_)];
  std::vector<std::byte> send(std::size_t(my_chunks) * Layout::chunk), all(layout.total);
  if (bytes > 0) std::memcpy(send.data(), data, bytes);
  const ChunkType chunk;
  MPI_OK(MPI_Allgatherv(send.data(), my_chunks, chunk, all.data(), layout.counts.data(),
                        layout.starts.data(), chunk, comm_));
  return unpad(all, sizes, layout);
}

// A rank's part for itself does not travel: on few ranks it is most of all.
void Comm::exchange_bytes(const std::vector<std::span<const std::byte>>& to_rank,
                          const std::function<std::byte*(std::size_t)>& place) const {
  FEDFUSE_CHECK(to_rank.size() == std::size_t(size_), "one part for each rank is needed");
  if (size_ == 1) {
    std::ranges::copy(to_rank.front(), place(to_rank.front().size()));
    return;
  }
  const Stopwatch watch(*moved_);
  const auto me = std::size_t(rank_);
  std::vector<std::int64_t> out_bytes, in_bytes(std::size_t(size_), 0);
  for (const auto& part : to_rank) out_bytes.push_back(std::int64_t(part.size()));
  out_bytes[me] = 0;
  moved_->gathered += std::accumulate(out_bytes.begin(), out_bytes.end(), std::int64_t(0));
  MPI_OK(MPI_Alltoall(out_bytes.data(), 1, MPI_INT64_T, in_bytes.data(), 1, MPI_INT64_T, comm_));
  const Layout out(out_bytes), in(in_bytes);
  const auto send = std::make_unique_for_overwrite<std::byte[]>(out.total),
             received = std::make_unique_for_overwrite<std::byte[]>(in.total);
  for (std::size_t r = 0; r < to_rank.size(); ++r)
    if (out_bytes[r] > 0)
      std::memcpy(send.get() + std::int64_t(out.starts[r]) * Layout::chunk, to_rank[r].data(),
                  to_rank[r].size());
  const ChunkType chunk;
  MPI_OK(MPI_Alltoallv(send.get(), out.counts.data(), out.starts.data(), chunk, received.get(),
                       in.counts.data(), in.starts.data(), chunk, comm_));
  const auto others = std::accumulate(in_bytes.begin(), in_bytes.end(), std::int64_t(0));
  auto* to = place(std::size_t(others) + to_rank[me].size());
  for (std::size_t r = 0; r < to_rank.size(); ++r) {
    const auto* from =
        r == me ? to_rank[me].data() : received.get() + std::int64_t(in.starts[r]) * Layout::chunk;
    const auto bytes = r == me ? to_rank[me].size() : std::size_t(in_bytes[r]);
    if (bytes > 0) std::memcpy(to, from, bytes);
    to += bytes;
  }
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
    const Stopwatch watch(*moved_);
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
