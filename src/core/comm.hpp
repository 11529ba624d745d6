#pragma once
// MPI, owned: one session object for the process, and a communicator with the few verbs that we
// use. Every verb is collective. Failures on one rank are turned into the same exception on all of
// them.
#include <mpi.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace fedfuse {

class MpiSession {
 public:
  // MPI_THREAD_FUNNELED, errors returned (and checked), not fatal
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

// The verbs that carry data. agree: one number of each rank, so that all know who failed, how much
// comes, or what is the most.
enum class Verb : std::size_t { sum, reduce_scatter, gather, exchange, broadcast, agree, count };
inline constexpr std::size_t verb_count = std::size_t(Verb::count);
inline constexpr std::array<const char*, verb_count> verb_names{
    "sum", "reduce_scatter", "gather", "exchange", "broadcast", "agree"};

// What this rank did in MPI so far. One rank alone does nothing.
struct Moved {
  // that it handed over, and its calls of MPI, by verb
  std::array<std::int64_t, verb_count> bytes{}, calls{};
  // That it sends at least, agreements apart: for a sum of n bytes over P ranks 2 n (P - 1) / P,
  // its own part and those of the others; half as much to reduce and scatter; its part P - 1 times
  // to gather.
  std::int64_t sent = 0;
  double seconds = 0;  // waiting for slower ranks included
  [[nodiscard]] std::int64_t bytes_of(Verb verb) const { return bytes[std::size_t(verb)]; }
  [[nodiscard]] std::int64_t calls_of(Verb verb) const { return calls[std::size_t(verb)]; }
  // that were added up, and that travelled as they are
  [[nodiscard]] std::int64_t summed() const {
    return bytes_of(Verb::sum) + bytes_of(Verb::reduce_scatter);
  }
  [[nodiscard]] std::int64_t gathered() const {
    return bytes_of(Verb::gather) + bytes_of(Verb::exchange) + bytes_of(Verb::broadcast);
  }
};

class Comm {
 public:
  static Comm world();
  static Comm self();  // this process alone
  // one rank, before or without MPI_Init; raw() is MPI_COMM_NULL
  static Comm without_mpi();
  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool root() const { return rank_ == 0; }
  [[nodiscard]] MPI_Comm raw() const { return comm_; }
  [[nodiscard]] Moved moved() const { return *moved_; }  // by this communicator and its copies
  [[nodiscard]] int ranks_on_this_node() const;
  [[nodiscard]] int rank_on_this_node() const;

  void barrier() const;
  // in place, exact in any order; tiled above 2^27 words
  void sum(std::span<std::int64_t> values) const;
  [[nodiscard]] std::int64_t sum(std::int64_t value) const;
  // values: counts[r] numbers for each rank r, one rank after the other. mine: counts[rank()]
  // numbers, the sums of those for this rank. Exact in any order.
  void reduce_scatter(std::span<const std::int64_t> values, std::span<const std::int64_t> counts,
                      std::span<std::int64_t> mine) const;
  [[nodiscard]] double min(double value) const;
  [[nodiscard]] std::int64_t min(std::int64_t value) const;
  [[nodiscard]] double max(double value) const;
  // for timings only: its last bits depend on the ranks
  [[nodiscard]] double mean(double value) const;
  [[nodiscard]] std::int64_t max(std::int64_t value) const;
  // the least of the values that ranks have; none where no rank has one
  [[nodiscard]] std::optional<std::int64_t> min(std::optional<std::int64_t> value) const;
  // sum over the ranks before this one
  [[nodiscard]] std::int64_t exscan(std::int64_t value) const;

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void broadcast(std::span<T> values, int from = 0) const {
    broadcast_bytes(values.data(), values.size_bytes(), from);
  }
  void broadcast(std::string& text, int from = 0) const;

  // Every rank's values, one rank after the other, on all ranks.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::vector<T> all_gather(std::span<const T> mine) const {
    const auto bytes = all_gather_bytes(mine.data(), mine.size_bytes());
    std::vector<T> all(bytes.size() / sizeof(T));
    copy_bytes(all.data(), bytes);
    return all;
  }
  // rows: those of rank 0, then those of rank 1, ...; counts[r] of rank r, `cols` values each. This
  // rank's stand there, the others' come. All ranks know the counts: no sizes travel.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void all_gather_rows(std::span<T> rows, std::int64_t cols,
                       std::span<const std::int64_t> counts) const {
    all_gather_rows_bytes(rows.data(), rows.size_bytes(), cols * std::int64_t(sizeof(T)), counts);
  }
  // Sends to_rank[r] to rank r; returns what the ranks sent here, in rank order.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::vector<T> exchange(const std::vector<std::span<const T>>& to_rank) const {
    std::vector<std::span<const std::byte>> parts;
    parts.reserve(to_rank.size());
    for (const auto& part : to_rank) parts.push_back(std::as_bytes(part));
    std::vector<T> all;
    exchange_bytes(parts, [&all](std::size_t bytes) {
      all.resize(bytes / sizeof(T));
      return std::as_writable_bytes(std::span(all)).data();
    });
    return all;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::vector<T> exchange(const std::vector<std::vector<T>>& to_rank) const {
    return exchange(std::vector<std::span<const T>>(to_rank.begin(), to_rank.end()));
  }

  // Runs work on every rank. If it throws InputError on any of them, all ranks throw the first
  // one's (lowest rank's) text, so that no rank waits in the next collective call. Other
  // exceptions than Stopped become an InternalError in the same way. work itself must not call
  // collectives after the point where it may fail on one rank alone.
  void together(const std::function<void()>& work) const;
  // together, but work runs on rank 0 only.
  void on_root(const std::function<void()>& work) const;

 private:
  Comm() = default;
  explicit Comm(MPI_Comm comm);
  [[nodiscard]] int on_this_node(int (*ask)(MPI_Comm, int*)) const;
  void broadcast_bytes(void* data, std::size_t bytes, int from) const;
  [[nodiscard]] std::vector<std::byte> all_gather_bytes(const void* data, std::size_t bytes) const;
  void all_gather_rows_bytes(void* rows, std::size_t bytes, std::int64_t row_bytes,
                             std::span<const std::int64_t> counts) const;
  void count(Verb verb, std::size_t bytes, std::size_t sent = 0) const;
  // place: where so many bytes can be put.
  void exchange_bytes(const std::vector<std::span<const std::byte>>& to_rank,
                      const std::function<std::byte*(std::size_t)>& place) const;
  static void copy_bytes(void* to, const std::vector<std::byte>& from);
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::shared_ptr<Moved> moved_ = std::make_shared<Moved>();
};

// Contiguous split of n things over the ranks: [first(r), first(r + 1)).
struct BlockSplit {
  std::int64_t n = 0;
  int ranks = 1;
  [[nodiscard]] std::int64_t first(int rank) const { return n * rank / ranks; }
  [[nodiscard]] std::int64_t count(int rank) const { return first(rank + 1) - first(rank); }
  [[nodiscard]] int owner(std::int64_t i) const;
};

}  // namespace fedfuse
