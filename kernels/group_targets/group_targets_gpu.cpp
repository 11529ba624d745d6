// The device variants of the table: from host memory and back.
#include "kernels/group_targets/group_targets.hpp"

namespace fedfuse::group_targets {

Resident::Resident(const std::shared_ptr<gpu::Device>& device, const Problem& host)
    : stream_(device), there_(host) {
  const auto cells = std::size_t(host.cells()), all = std::size_t(host.groups) * cells;
  sums_ = gpu::to_device(stream_, std::span(host.sums, all));
  factors_ = gpu::to_device(
      stream_, std::span(host.factors, std::size_t(host.groups) * std::size_t(1 + host.views)));
  for (std::size_t j = 0; j < std::size_t(host.views); ++j) {
    view_[j] = gpu::to_device(stream_, std::span(host.view[j], cells));
    there_.view[j] = view_[j].data();
  }
  targets_ = {device, all};
  there_.sums = sums_.data();
  there_.factors = factors_.data();
  there_.targets = targets_.data();
}

void Resident::launch(const gpu::Stream& stream) const {
  gpu::on_platform(stream.device(), [&]<class P>(P) { make_targets<P>(there_, stream); });
}

void Resident::fetch(float* targets) const {
  launch(stream_);
  targets_.copy_out(std::span(targets, targets_.size()), stream_);
  stream_.synchronise();
}

void cuda(const Problem& p) { Resident(gpu::open_cuda_device(0), p).fetch(p.targets); }
void emulated(const Problem& p) { Resident(gpu::open_emulated_device(), p).fetch(p.targets); }

}  // namespace fedfuse::group_targets
