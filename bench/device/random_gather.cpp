#include "device/random_gather.hpp"

#include <numeric>
#include <utility>
#include <vector>

#include "core/rng.hpp"
#include "kernels/gather/gather.hpp"

namespace fedfuse::bench {
namespace {

std::vector<std::int32_t> shuffled(std::int64_t n) {
  const Rng rng(1, Purpose::test);
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t k = order.size(); k > 1; --k)
    std::swap(order[k - 1], order[Rng::below(std::uint32_t(rng.bits(k, 0, 0)), std::uint32_t(k))]);
  return order;
}

}  // namespace

RandomGather::RandomGather(const std::shared_ptr<gpu::Device>& device, std::int64_t rows)
    : table_(device, std::size_t(rows * width)),
      gathered_(device, std::size_t(rows * width)),
      rows_(gpu::to_device(gpu::Stream(device), std::span<const std::int32_t>(shuffled(rows)))) {}

void RandomGather::launch(const gpu::Stream& stream) const {
  const gather::Problem problem{.count = std::int64_t(rows_.size()),
                                .width = width,
                                .from = table_.data(),
                                .rows = rows_.data(),
                                .to = gathered_.data()};
  gpu::on_platform(stream.device(), [&]<class P>(P) { gather::gather_rows<P>(problem, stream); });
}

}  // namespace fedfuse::bench
