#include "server/item_views_device.hpp"

#include <bit>

namespace fedfuse {
namespace {

// The next step's; Adam's count of steps stays on the host.
AdamFactors next_rate(Optimizer& optimizer, float lr) {
  if (optimizer.steps().empty()) return {lr, 0.0f};
  return adam_factors(lr, optimizer.steps()[0] += 1.0f);
}

}  // namespace

template <class Copy>
void ItemViewsOnDevice::copy_state(const Copy& copy) {
  const auto state = [&](views::OnDevice::State& device, std::span<float> values,
                         Optimizer& optimizer) {
    copy(device.values, values);
    copy(device.m, optimizer.first_moment());
    copy(device.v, optimizer.second_moment());
  };
  state(there_->operators(), host_.operators.values, host_.operator_optimizer);
  state(there_->table(), host_.D.span(), host_.table_optimizer);
  there_->stream().synchronise();
}

void ItemViewsOnDevice::to_host() {
  if (newest_ != Newest::device) return;
  copy_state([&](const gpu::Buffer<float>& device, std::span<float> host) {
    device.copy_out(host, there_->stream());
  });
  newest_ = Newest::both;
}

// This rank's rows and the newest state on the device.
void ItemViewsOnDevice::place(const Comm& comm) {
  const RowSplit mine(host_.D.rows, comm, views::block_items);
  if (!there_.has_value() || there_->mine().first != mine.my_first() ||
      there_->mine().rows != mine.my_rows()) {
    to_host();
    newest_ = Newest::host;
    there_.reset();
    comm.together([&] {
      there_.emplace(
          device_, host_.problem.layout, views::MyItems{mine.rows, mine.my_first(), mine.my_rows()},
          host_.problem.features, host_.problem.has, !host_.table_optimizer.steps().empty());
    });
  }
  if (newest_ != Newest::host) return;
  copy_state([&](gpu::Buffer<float>& device, std::span<float> host) {
    device.copy_in(host, there_->stream());
  });
  there_->weights_changed();
  newest_ = Newest::both;
}

void ItemViewsOnDevice::forward(std::vector<Matrix<float>>& views, const Comm& comm) {
  place(comm);
  const RowSplit mine(host_.D.rows, comm, views::block_items);
  there_->forward();
  const auto cells = std::size_t(mine.my_rows() * host_.D.cols);
  for (std::size_t j = 0; j < views.size(); ++j)
    there_->view(j).copy_out({views[j].row(mine.my_first()), cells}, there_->stream());
  there_->stream().synchronise();
  for (auto& view : views) complete_rows(view, mine, comm);
}

void ItemViewsOnDevice::backward_and_step(const std::vector<Matrix<float>>& view_grad,
                                          const Comm& comm) {
  place(comm);
  const RowSplit mine(host_.D.rows, comm, views::block_items);
  const auto cells = std::size_t(mine.my_rows() * host_.D.cols);
  for (std::size_t j = 0; j < view_grad.size(); ++j)
    there_->view(j).copy_in({view_grad[j].row(mine.my_first()), cells}, there_->stream());
  const auto bits = comm.max(std::int64_t(std::bit_cast<std::uint32_t>(there_->largest())));
  const auto most = std::bit_cast<float>(std::uint32_t(bits));
  if (!std::isfinite(most)) throw gradient_not_finite();
  const int exponent = exponent_of(most);
  there_->backward(std::ldexp(1.0f, -exponent), std::ldexp(1.0f, exponent));
  if (comm.sum(std::int64_t(there_->fits() ? 0 : 1)) != 0) throw gradient_not_finite();
  if (comm.size() > 1) sum_over_ranks(mine, comm);
  there_->step(std::ldexp(1.0, exponent), next_rate(host_.operator_optimizer, host_.lr),
               next_rate(host_.table_optimizer, host_.table_lr));
  newest_ = Newest::device;
}

// The operators' gradients of all ranks in integers, and every rank's rows of dL/dD.
void ItemViewsOnDevice::sum_over_ranks(const RowSplit& mine, const Comm& comm) {
  const auto& stream = there_->stream();
  std::vector<std::int64_t> words(there_->words().size());
  Matrix<float> grad_D(host_.D.rows, host_.D.cols);
  const auto at = std::size_t(mine.my_first() * grad_D.cols),
             cells = std::size_t(mine.my_rows() * grad_D.cols);
  there_->words().copy_out(words, stream);
  there_->grad_D().copy_out(grad_D.span().subspan(at, cells), stream, at);
  stream.synchronise();
  comm.sum(words);
  complete_rows(grad_D, mine, comm);
  there_->words().copy_in(words, stream);
  there_->grad_D().copy_in(grad_D.span(), stream);
  stream.synchronise();
}

}  // namespace fedfuse
