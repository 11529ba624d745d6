// The verbs of Comm whose parts differ in size: gather and exchange.
#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/comm.hpp"
#include "core/comm_call.hpp"
#include "core/error.hpp"

namespace fedfuse {
namespace {

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

// So many bytes as one item of an MPI call.
class BytesType {
 public:
  explicit BytesType(std::int64_t bytes) {
    MPI_OK(MPI_Type_contiguous(int(bytes), MPI_BYTE, &type_));
    MPI_OK(MPI_Type_commit(&type_));
  }
  ~BytesType() { MPI_Type_free(&type_); }
  BytesType(const BytesType&) = delete;
  BytesType& operator=(const BytesType&) = delete;
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

void Comm::copy_bytes(void* to, const std::vector<std::byte>& from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

std::vector<std::byte> Comm::all_gather_bytes(const void* data, std::size_t bytes) const {
  const std::int64_t mine = std::int64_t(bytes);
  if (size_ == 1) {
    const auto* from = static_cast<const std::byte*>(data);
    return {from, from + bytes};
  }
  const mpi::Stopwatch watch(*moved_);
  count(Verb::gather, bytes, bytes * std::size_t(size_ - 1));
  count(Verb::agree, sizeof(mine));
  std::vector<std::int64_t> sizes(std::size_t(size_), 0);
  MPI_OK(MPI_Allgather(&mine, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, comm_));
  const Layout layout(sizes);
  const auto my_chunks = layout.counts[std::size_t(rank_)];
  std::vector<std::byte> send(std::size_t(my_chunks) * Layout::chunk), all(layout.total);
  if (bytes > 0) std::memcpy(send.data(), data, bytes);
  const BytesType chunk(Layout::chunk);
  MPI_OK(MPI_Allgatherv(send.data(), my_chunks, chunk, all.data(), layout.counts.data(),
                        layout.starts.data(), chunk, comm_));
  return unpad(all, sizes, layout);
}

void Comm::all_gather_rows_bytes(void* rows, std::size_t bytes, std::int64_t row_bytes,
                                 std::span<const std::int64_t> counts) const {
  std::vector<int> parts, starts;
  std::int64_t total = 0;
  for (const auto n : counts) {
    parts.push_back(int(n));
    starts.push_back(int(total));
    total += n;
  }
  FEDFUSE_CHECK(counts.size() == std::size_t(size_) && total * row_bytes == std::int64_t(bytes) &&
                    total <= std::numeric_limits<int>::max(),
                "rows of each rank");
  if (size_ == 1 || bytes == 0) return;
  const mpi::Stopwatch watch(*moved_);
  const auto mine = std::size_t(counts[std::size_t(rank_)] * row_bytes);
  count(Verb::gather, mine, mine * std::size_t(size_ - 1));
  const BytesType row(row_bytes);
  MPI_OK(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, rows, parts.data(), starts.data(), row,
                        comm_));
}

// A rank's part for itself does not travel: on few ranks it is most of all.
void Comm::exchange_bytes(const std::vector<std::span<const std::byte>>& to_rank,
                          const std::function<std::byte*(std::size_t)>& place) const {
  FEDFUSE_CHECK(to_rank.size() == std::size_t(size_), "one part for each rank is needed");
  if (size_ == 1) {
    std::ranges::copy(to_rank.front(), place(to_rank.front().size()));
    return;
  }
  const mpi::Stopwatch watch(*moved_);
  const auto me = std::size_t(rank_);
  std::vector<std::int64_t> out_bytes, in_bytes(std::size_t(size_), 0);
  for (const auto& part : to_rank) out_bytes.push_back(std::int64_t(part.size()));
  out_bytes[me] = 0;
  const auto given = std::accumulate(out_bytes.begin(), out_bytes.end(), std::int64_t(0));
  count(Verb::exchange, std::size_t(given), std::size_t(given));
  count(Verb::agree, sizeof(std::int64_t) * to_rank.size());
  MPI_OK(MPI_Alltoall(out_bytes.data(), 1, MPI_INT64_T, in_bytes.data(), 1, MPI_INT64_T, comm_));
  const Layout out(out_bytes), in(in_bytes);
  const auto send = std::make_unique_for_overwrite<std::byte[]>(out.total),
             received = std::make_unique_for_overwrite<std::byte[]>(in.total);
  for (std::size_t r = 0; r < to_rank.size(); ++r)
    if (out_bytes[r] > 0)
      std::memcpy(send.get() + std::int64_t(out.starts[r]) * Layout::chunk, to_rank[r].data(),
                  to_rank[r].size());
  const BytesType chunk(Layout::chunk);
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

}  // namespace fedfuse
