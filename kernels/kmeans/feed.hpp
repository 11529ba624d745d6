#pragma once
// Rows of host memory on a device: all of them where they fit, else chunk by chunk. A chunk is
// packed into pinned memory, each row to whole units of 16 bytes, while the chunk before it travels
// and is worked on.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/gpu/device.hpp"

namespace fedfuse::kmeans {

struct FeedLimits {
  std::int64_t rows = 0;            // of a chunk; 0: as many as chunk_rows says
  std::int64_t resident_bytes = 0;  // rows that take at most so much stay on the device
};

template <class T>
[[nodiscard]] constexpr std::int64_t padded_columns(std::int64_t columns) {
  constexpr std::int64_t unit = 16 / std::int64_t(sizeof(T));
  return (columns + unit - 1) / unit * unit;
}

// 8 MiB, and at least 1,024 rows, so that a chunk is several blocks' work.
template <class T>
[[nodiscard]] constexpr std::int64_t chunk_rows(std::int64_t count, std::int64_t columns,
                                                const FeedLimits& limits) {
  constexpr std::int64_t bytes = std::int64_t(8) << 20, least = 1024;
  const std::int64_t usual =
      std::max(least, bytes / std::int64_t(sizeof(T)) / padded_columns<T>(columns));
  return std::min(limits.rows > 0 ? limits.rows : usual, count);
}
template <class T>
[[nodiscard]] constexpr bool stays(std::int64_t count, std::int64_t columns,
                                   const FeedLimits& limits) {
  return count * padded_columns<T>(columns) * std::int64_t(sizeof(T)) <= limits.resident_bytes;
}
inline constexpr int feed_lanes = 2;
// Rows that the device has room for.
template <class T>
[[nodiscard]] constexpr std::int64_t rows_on_device(std::int64_t count, std::int64_t columns,
                                                    const FeedLimits& limits) {
  return stays<T>(count, columns, limits) ? count
                                          : feed_lanes * chunk_rows<T>(count, columns, limits);
}

template <class T>
class Feed {
 public:
  // rows: count x columns, which must outlive it.
  Feed(const std::shared_ptr<gpu::Device>& device, const T* rows, std::int64_t count,
       std::int64_t columns, const FeedLimits& limits)
      : rows_(rows),
        count_(count),
        columns_(columns),
        stride_(padded_columns<T>(columns)),
        chunk_(chunk_rows<T>(count, columns, limits)),
        stays_(stays<T>(count, columns, limits)),
        room_(device, std::size_t(rows_on_device<T>(count, columns, limits) * stride_)) {
    for (auto& lane : lanes_) lane.emplace(device, std::size_t(chunk_ * stride_));
  }
  [[nodiscard]] std::int64_t stride() const { return stride_; }
  [[nodiscard]] std::int64_t chunk() const { return chunk_; }

  // work(on_device, first, count, lane, stream) puts on the stream what is to be done with rows
  // first .. first + count - 1; when it is done, collect(first, count, lane) is called. Ends when
  // all is done.
  template <class Work, class Collect>
  void for_chunks(const Work& work, const Collect& collect) {
    if (!loaded_) send(work, collect);
    if (!stays_) return;
    loaded_ = true;
    for (auto& lane : lanes_) lane->packed = {};
    work(room_.data(), std::int64_t(0), count_, 0, lanes_[0]->stream);
    lanes_[0]->stream.synchronise();
    collect(std::int64_t(0), count_, 0);
  }
  template <class Work>
  void for_chunks(const Work& work) {
    for_chunks(work, [](std::int64_t, std::int64_t, int) {});
  }

 private:
  struct Lane {
    Lane(const std::shared_ptr<gpu::Device>& device, std::size_t n)
        : stream(device, gpu::Use::overlap), packed(device, n) {}
    gpu::Stream stream;
    gpu::Pinned<T> packed;
    std::int64_t first = 0, count = 0;  // at work; count 0: none
  };

  template <class Work, class Collect>
  void send(const Work& work, const Collect& collect) {
    const auto finish = [&](int l) {
      auto& lane = *lanes_[l];
      if (lane.count == 0) return;
      lane.stream.synchronise();
      if (!stays_) collect(lane.first, lane.count, l);
      lane.count = 0;
    };
    int l = 0;
    for (std::int64_t first = 0; first < count_; first += chunk_, l = (l + 1) % feed_lanes) {
      finish(l);
      auto& lane = *lanes_[l];
      lane.first = first;
      lane.count = std::min(chunk_, count_ - first);
      pack(lane);
      T* const to = room_.data() + (stays_ ? first : l * chunk_) * stride_;
      lane.stream.device().copy_in(
          to, &lane.packed[0], std::size_t(lane.count * stride_) * sizeof(T), lane.stream.handle());
      if (!stays_) work(static_cast<const T*>(to), first, lane.count, l, lane.stream);
    }
    for (int other = 0; other < feed_lanes; ++other) finish(other);
  }

  void pack(Lane& lane) const {
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < lane.count; ++i) {
      T* to = &lane.packed[std::size_t(i * stride_)];
      std::copy_n(rows_ + (lane.first + i) * columns_, columns_, to);
      std::fill(to + columns_, to + stride_, T(0));
    }
  }

  const T* rows_;
  std::int64_t count_, columns_, stride_, chunk_;
  bool stays_, loaded_ = false;
  gpu::Buffer<T> room_;
  std::optional<Lane> lanes_[feed_lanes];
};

}  // namespace fedfuse::kmeans
