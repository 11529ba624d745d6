#pragma once
// ItemViews on a device (kernels/views): operators, D, Adam's moments and this rank's features live
// there between rounds; views and their summed gradients cross. The host's arrays are what a
// checkpoint reads and writes: they are updated on demand.
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "core/comm.hpp"
#include "core/rows.hpp"
#include "kernels/dense/optimizer.hpp"
#include "kernels/views/views_gpu.hpp"
#include "server/item_views_rows.hpp"

namespace fedfuse {

// The state on the host; it must outlive the device's.
struct HostViews {
  Parameters& operators;
  Matrix<float>& D;
  Optimizer &operator_optimizer, &table_optimizer;
  const views::Problem& problem;  // layout, features, masks
  float lr, table_lr;
};

class ItemViewsOnDevice {
 public:
  ItemViewsOnDevice(std::shared_ptr<gpu::Device> device, const HostViews& host)
      : device_(std::move(device)), host_(host) {}

  // As of ItemViews; collective.
  void forward(std::vector<Matrix<float>>& views, const Comm& comm);
  void backward_and_step(const std::vector<Matrix<float>>& view_grad, const Comm& comm);

  // Every parameter and moment on the device.
  [[nodiscard]] bool state_is_finite() { return std::isfinite(there_->largest_of_state()); }
  void to_host();                                     // the host's arrays are now the newest
  void host_may_change() { newest_ = Newest::host; }  // at the next use they go to the device again

 private:
  enum class Newest { host, both, device };
  void place(const Comm& comm);
  void sum_over_ranks(const RowSplit& mine, const Comm& comm);
  template <class Copy>
  void copy_state(const Copy& copy);

  std::shared_ptr<gpu::Device> device_;
  HostViews host_;
  // made when the first caller tells how many ranks share the rows
  std::optional<views::OnDevice> there_;
  Newest newest_ = Newest::host;
};

}  // namespace fedfuse
