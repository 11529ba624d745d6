#pragma once
// GFMFR's server steps on a device (teacher.hpp): training in graphs of many steps, preferences
// from features that stay there in half precision. The host holds the parameters between rounds
// for checkpoints and evaluations; they cross once a round each way.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "core/gpu/device.hpp"
#include "kernels/preference/resident.hpp"
#include "kernels/teacher/teacher_gpu.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {

class DeviceTeacher {
 public:
  // features: of the data, in the form of preference::Resident.
  DeviceTeacher(const std::shared_ptr<gpu::Device>& device, const teacher::Shape& shape,
                const preference::Problem& features, const teacher::Batching& batching, bool adam,
                double lr);
  // Whether the training can run on this device; else it stays on the host.
  [[nodiscard]] static bool serves(const gpu::Device& device, const teacher::Shape& shape);
  // What it holds for such a problem.
  [[nodiscard]] static std::size_t bytes(const teacher::Shape& shape,
                                         const preference::Problem& features,
                                         const teacher::Batching& batching, bool adam);

  // Of the training that follows: targets in host memory, or made here of sums that stay here.
  void set_targets(std::span<const float* const> targets) { training_.set_targets(targets); }
  void make_targets(const GroupSums& sums);
  // From the problem's parameters and moments and back into them; its targets and order are not
  // read: fill_order(epoch, order) is asked for the next epoch while one runs. see(epoch, loss) may
  // throw: then parameters and moments are what they were.
  void train(const teacher::Problem& problem, std::int64_t epochs,
             const std::function<void(std::int64_t, std::span<std::int32_t>)>& fill_order,
             const std::function<void(std::int64_t, double)>& see);

  // False where the tensor cores do not take the shape, or a feature is beyond half precision:
  // preferences are the host's then.
  [[nodiscard]] bool prefers() const { return resident_.has_value(); }
  void preference(const preference::Problem& problem);

 private:
  teacher::OnDevice training_;
  std::optional<preference::Resident> resident_;
};

}  // namespace fedfuse
