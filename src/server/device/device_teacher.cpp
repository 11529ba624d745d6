#include "server/device/device_teacher.hpp"

namespace fedfuse {
namespace {

teacher::Rule rule_of(bool adam) { return adam ? teacher::Rule::adam : teacher::Rule::sgd; }
teacher::Features features_of(const preference::Problem& p) {
  return {p.text, p.image, p.has_text, p.has_image};
}

}  // namespace

DeviceTeacher::DeviceTeacher(const std::shared_ptr<gpu::Device>& device,
                             const teacher::Shape& shape, const preference::Problem& features,
                             const teacher::Batching& batching, bool adam, double lr)
    : training_(device, shape, features_of(features), batching, rule_of(adam), lr) {
  if (preference::Resident::serves(features)) resident_.emplace(device, features);
}

bool DeviceTeacher::serves(const gpu::Device& device, const teacher::Shape& shape) {
  return teacher::serves(shape) &&
         teacher::hidden_shared_bytes(int(shape.d)) <= device.info().shared_per_block;
}

std::size_t DeviceTeacher::bytes(const teacher::Shape& shape, const preference::Problem& features,
                                 const teacher::Batching& batching, bool adam) {
  if (!teacher::serves(shape)) return 0;
  const auto training = teacher::OnDevice::bytes(
      shape, features.has_text != nullptr, features.has_image != nullptr, batching, rule_of(adam));
  return training +
         (preference::serves_fused(features) ? preference::Resident::bytes(features) : 0);
}

void DeviceTeacher::make_targets(const GroupSums& sums) {
  training_.make_targets(sums.on_device(), sums.target_factors().span());
}

void DeviceTeacher::train(
    const teacher::Problem& p, std::int64_t epochs,
    const std::function<void(std::int64_t, std::span<std::int32_t>)>& fill_order,
    const std::function<void(std::int64_t, double)>& see) {
  training_.load(p.values, p.m, p.v, p.steps);
  fill_order(0, training_.next_order());
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    training_.begin_epoch();
    if (epoch + 1 < epochs) fill_order(epoch + 1, training_.next_order());
    see(epoch, training_.finish_epoch());
  }
  training_.store(p.values, p.m, p.v, p.steps);
}

void DeviceTeacher::preference(const preference::Problem& problem) {
  resident_->run(problem, training_.stream());
}

}  // namespace fedfuse
