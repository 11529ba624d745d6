#include "device/link_cases.hpp"

#include <algorithm>
#include <cstdint>

#include "core/gpu/graph.hpp"
#include "kernels/gather/gather.hpp"

namespace fedfuse::bench {
namespace {

using Maker = std::function<DeviceCase(const std::shared_ptr<gpu::Device>&, bool)>;
enum class Host { pinned, pageable };
enum class Way { in, out, both };

struct Copies {
  Copies(const std::shared_ptr<gpu::Device>& device, Host host, std::size_t bytes)
      : there(device, bytes),
        back(device, bytes),
        pinned(device, host == Host::pinned ? 2 * bytes : 0),
        pageable(host == Host::pageable ? 2 * bytes : 0, 1),
        other(device) {
    // pages that nobody touched would all be the same one
    if (host == Host::pinned) std::ranges::fill(pinned.first(2 * bytes), std::uint8_t(1));
    const gpu::Stream setup(device);
    back.fill_bytes(2, setup);
    setup.synchronise();
  }
  // of the host's two halves
  [[nodiscard]] std::span<std::uint8_t> half(std::size_t which) {
    const auto n = there.size();
    return pageable.empty() ? pinned.first(2 * n).subspan(which * n, n)
                            : std::span(pageable).subspan(which * n, n);
  }
  gpu::Buffer<std::uint8_t> there, back;
  gpu::Pinned<std::uint8_t> pinned;
  std::vector<std::uint8_t> pageable;
  gpu::Stream other;
};

Maker copies_of(Host host, Way way) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    const std::size_t bytes = small ? 4096 : std::size_t(64) << 20;
    const auto copies = std::make_shared<Copies>(device, host, bytes);
    const auto launch = [copies, way](const gpu::Stream& s) {
      if (way == Way::both) copies->other.wait_for(s);
      if (way != Way::out) copies->there.copy_in(copies->half(0), s);
      if (way != Way::in)
        copies->back.copy_out(copies->half(1), way == Way::both ? copies->other : s);
      if (way == Way::both) s.wait_for(copies->other);
    };
    const int ways = way == Way::both ? 2 : 1;
    return DeviceCase{0, double(ways) * double(bytes), double(ways), launch};
  };
}

// A row of one float: the smallest launch of a kernel that a round has.
struct Smallest {
  explicit Smallest(const std::shared_ptr<gpu::Device>& device)
      : stream(device),
        from(gpu::to_device(stream, std::span<const float>(one))),
        rows(gpu::to_device(stream, std::span<const std::int32_t>(zero))),
        to(device, 1) {}
  void launch(const gpu::Stream& s) const {
    const gather::Problem problem{
        .count = 1, .width = 1, .from = from.data(), .rows = rows.data(), .to = to.data()};
    gpu::on_platform(s.device(), [&]<class P>(P) { gather::gather_rows<P>(problem, s); });
  }
  static constexpr float one[1] = {1};
  static constexpr std::int32_t zero[1] = {0};
  gpu::Stream stream;
  gpu::Buffer<float> from;
  gpu::Buffer<std::int32_t> rows;
  gpu::Buffer<float> to;
};

enum class Launches { together, waited_for, graph };

Maker launches_of(Launches how, int usual) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    const int count = small ? 3 : usual;
    const auto kernel = std::make_shared<Smallest>(device);
    const auto all = [kernel, count, how](const gpu::Stream& s) {
      for (int k = 0; k < count; ++k) {
        kernel->launch(s);
        if (how == Launches::waited_for) s.synchronise();
      }
    };
    if (how != Launches::graph) return DeviceCase{0, 0, double(count), all};
    const auto graph = std::make_shared<gpu::Graph>(kernel->stream, [&] { all(kernel->stream); });
    return DeviceCase{0, 0, double(count),
                      [kernel, graph](const gpu::Stream& s) { graph->launch(s); }};
  };
}

}  // namespace

std::vector<DeviceCaseRow> link_cases() {
  return {{"link/cuda/pinned_to_device", "copies", copies_of(Host::pinned, Way::in)},
          {"link/cuda/pinned_from_device", "copies", copies_of(Host::pinned, Way::out)},
          {"link/cuda/pinned_both_ways", "copies", copies_of(Host::pinned, Way::both)},
          {"link/cuda/pageable_to_device", "copies", copies_of(Host::pageable, Way::in)},
          {"link/cuda/pageable_from_device", "copies", copies_of(Host::pageable, Way::out)},
          {"launch/cuda/1000_in_a_row", "launches", launches_of(Launches::together, 1000)},
          {"launch/cuda/100_each_waited_for", "launches", launches_of(Launches::waited_for, 100)},
          {"launch/cuda/graph_of_1000_nodes", "nodes", launches_of(Launches::graph, 1000)}};
}

}  // namespace fedfuse::bench
