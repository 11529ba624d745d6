#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <vector>

#include "device/clients_on_device.hpp"
#include "device/device_case.hpp"
#include "device/link_cases.hpp"
#include "kernels/aggregate/aggregate_case.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "kernels/gather/gather.hpp"
#include "kernels/group_targets/group_targets_case.hpp"
#include "kernels/kmeans/kmeans_case.hpp"
#include "kernels/kmeans/kmeans_gpu.hpp"
#include "kernels/preference/preference_case.hpp"
#include "kernels/preference/preference_gpu.hpp"
#include "kernels/rank/rank_case.hpp"
#include "kernels/rank/rank_gpu.hpp"
#include "kernels/teacher/teacher_case.hpp"
#include "kernels/teacher/teacher_gpu.hpp"
#include "kernels/views/views_case.hpp"
#include "kernels/views/views_gpu.hpp"

namespace fedfuse::bench {
namespace {

using Maker = std::function<DeviceCase(const std::shared_ptr<gpu::Device>&, bool)>;

Maker preference_of(preference::OnDevice::Form form, std::int64_t items, std::int64_t groups) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    preference::Shape shape;
    shape.items = small ? 100 : items;
    shape.groups = groups;
    if (small) {
      shape.d = 32;
      shape.d_text = shape.d_image = 16;
      shape.d_group = 8;
    }
    preference::Case input(shape);
    const auto problem = input.problem();
    const auto on_device = std::make_shared<preference::OnDevice>(device, form, problem);
    // In half precision the features are half the bytes of the formula's.
    const double halved = form != preference::OnDevice::Form::naive
                              ? 2.0 * double(shape.items) * double(shape.d_text + shape.d_image)
                              : 0.0;
    return DeviceCase{problem.flops(), problem.bytes() - halved, double(shape.items),
                      [on_device](const gpu::Stream& s) { on_device->launch(s); }};
  };
}

Maker aggregate_of(aggregate::GpuMethod method, std::int64_t items, double skew = 0) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    aggregate::CaseShape shape;
    shape.clients = small ? 5 : 20000;
    shape.items = small ? 100 : items;
    shape.width = 64;
    shape.touched = small ? 9 : 85;
    shape.skew = skew;
    const aggregate::Case input(shape);
    const auto problem = input.problem();
    const auto on_device = std::make_shared<aggregate::OnDevice>(device, method, problem);
    return DeviceCase{problem.flops(), aggregate::launch_bytes(method, problem),
                      double(shape.clients),
                      [on_device](const gpu::Stream& s) { on_device->launch(s); }};
  };
}

Config config_of(HeadKind head, const char* fusion, std::int64_t d, bool small) {
  Config config;
  config.model.head = head;
  config.model.fusion = fusion;
  config.model.dim = small ? 16 : d;
  return config;
}

constexpr int usual_positives = 17;  // 85 samples

Maker train_of(HeadKind head, const char* fusion, std::int64_t d, std::int64_t clients,
               int positives = usual_positives) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    const auto on_device =
        std::make_shared<ClientsOnDevice>(device, config_of(head, fusion, d, small),
                                          small ? 3 : clients, small ? 200 : 10000, positives);
    return DeviceCase{on_device->train_flops(), on_device->train_bytes(),
                      small ? 3.0 : double(clients),
                      [on_device](const gpu::Stream& s) { on_device->train(s); }};
  };
}

DeviceCase sample_case(const std::shared_ptr<gpu::Device>& device, bool small) {
  const std::int64_t clients = small ? 3 : 1 << 17;
  const auto on_device = std::make_shared<ClientsOnDevice>(
      device, config_of(HeadKind::linear, "none", 4, small), clients, small ? 200 : 10000);
  return {0, on_device->draw_bytes(), double(clients),
          [on_device](const gpu::Stream& s) { on_device->draw(s); }};
}

// Rows of both halves of a table, as those of clients some of whom took part.
Maker gather_of(std::int64_t count, std::int64_t width) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    struct There {
      gpu::Buffer<float> from, to;
      gpu::Buffer<std::int32_t> rows;
    };
    const auto n = small ? 20 : count;
    std::vector<std::int32_t> rows;
    rows.reserve(std::size_t(n));
    for (std::int64_t i = 0; i < n; ++i) rows.push_back(std::int32_t(i + (i % 3 == 0 ? n : 0)));
    const gpu::Stream stream(device);
    const auto floats = std::size_t(n * width);
    const auto there = std::make_shared<There>(
        There{gpu::Buffer<float>(device, 2 * floats), gpu::Buffer<float>(device, floats),
              gpu::to_device(stream, std::span<const std::int32_t>(rows))});
    there->from.fill_bytes(0, stream);
    stream.synchronise();
    const gather::Problem problem{.count = n,
                                  .width = width,
                                  .from = there->from.data(),
                                  .rows = there->rows.data(),
                                  .to = there->to.data()};
    return DeviceCase{0, problem.bytes(), double(n), [there, problem](const gpu::Stream& s) {
                        gpu::on_platform(s.device(),
                                         [&]<class P>(P) { gather::gather_rows<P>(problem, s); });
                      }};
  };
}

Maker group_targets_of(std::int64_t items, std::int64_t groups) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    group_targets::Case input({.groups = groups, .items = small ? 40 : items, .width = 64});
    const auto problem = input.problem();
    const auto there = std::make_shared<group_targets::Resident>(device, problem);
    return DeviceCase{problem.flops(), problem.bytes(), double(groups * problem.items),
                      [there](const gpu::Stream& s) { there->launch(s); }};
  };
}

// 64 steps of (at most) 256 pairs.
Maker teacher_of(bool by_items, teacher::Way way = teacher::Way::together) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    teacher::CaseShape shape{{5, 3264, 64, 512, 512, 512}, 5, {by_items, 256}};
    if (small) shape = {{2, 6, 8, 4, 8, 8}, 2, {by_items, 4}};
    teacher::Case input(shape);
    const auto p = input.problem();
    const auto on_device = std::make_shared<teacher::OnDevice>(
        device, p.shape, p.features, p.batching, teacher::Rule::adam, p.lr, way);
    on_device->set_targets({p.targets, std::size_t(p.groups)});
    on_device->load(p.values, p.m, p.v, p.steps);
    std::copy_n(p.order, p.count(), on_device->next_order().data());
    on_device->begin_epoch();
    (void)on_device->finish_epoch();
    return DeviceCase{p.flops(), p.bytes(), double(p.steps_an_epoch()),
                      [on_device](const gpu::Stream& s) { on_device->launch(s); }};
  };
}

Maker rank_of(HeadKind head, int views, int sampled = 0) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    rank::CaseShape shape;
    shape.head = head;
    shape.views = views;
    shape.shared_head = head != HeadKind::linear;
    shape.sampled = sampled;
    shape.clients = small ? 5 : 4096;
    shape.items = small ? 150 : 100000;
    shape.d = 64;
    shape.dropped = 17;
    shape.exact = false;
    const rank::Case input(shape);
    const auto problem = input.problem();
    const auto on_device = std::make_shared<rank::OnDevice>(device, problem);
    return DeviceCase{problem.flops(), problem.bytes(), double(shape.clients),
                      [on_device](const gpu::Stream& s) { on_device->launch(s); }};
  };
}

Maker views_of(bool backward, std::int64_t items) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    views::CaseShape shape;
    shape.items = small ? 40 : items;
    if (small) {
      shape.shape.d = 16;
      shape.shape.d_text = 12;
      shape.shape.d_image = 8;
    }
    const views::Case input(shape);
    const auto p = input.problem();
    const auto there = std::make_shared<views::OnDevice>(
        device, p.layout, views::MyItems{p.items, 0, p.items}, p.features, p.has, false);
    there->operators().values.copy_in(input.parameters, there->stream());
    there->table().values.copy_in(input.features[0], there->stream());
    for (std::size_t j = 0; j < p.layout.views.size(); ++j)
      there->view(j).copy_in(input.view_grad[j], there->stream());
    there->stream().synchronise();
    if (backward)
      return DeviceCase{p.backward_flops(), p.backward_bytes(), double(p.items),
                        [there](const gpu::Stream& s) { there->backward(1, 1, s); }};
    return DeviceCase{p.forward_flops(), p.forward_bytes(), double(p.items),
                      [there](const gpu::Stream& s) { there->forward(s); }};
  };
}

Maker nearest_of(std::int64_t points, std::int64_t columns, std::int64_t groups) {
  return [=](const std::shared_ptr<gpu::Device>& device, bool small) {
    const kmeans::Case input({.count = small ? 150 : points,
                              .columns = small ? 21 : columns,
                              .groups = groups,
                              .with_step = false});
    const auto problem = input.nearest();
    const auto on_device = std::make_shared<kmeans::NearestOnDevice>(device, problem);
    return DeviceCase{problem.flops(), problem.bytes(), double(problem.count),
                      [on_device](const gpu::Stream& s) { on_device->launch(s); }};
  };
}

DeviceCase kmeans_step_case(const std::shared_ptr<gpu::Device>& device, bool small) {
  const kmeans::Case input(
      {.count = small ? 150 : 1 << 20, .columns = small ? 21 : 65, .groups = 5});
  const auto problem = input.step();
  const auto on_device = std::make_shared<kmeans::StepOnDevice>(device, problem);
  return {problem.flops(), problem.bytes(), double(problem.count),
          [on_device](const gpu::Stream& s) { on_device->launch(s); }};
}

std::vector<DeviceCaseRow> make_table() {
  using Form = preference::OnDevice::Form;
  using aggregate::GpuMethod;
  return {
      {"gather/cuda/1048576_rows_of_64", "rows", gather_of(1 << 20, 64)},
      {"gather/cuda/65536_rows_of_12547", "rows", gather_of(1 << 16, 12547)},  // routers
      {"sample/cuda/85_samples", "clients", sample_case},
      {"local_train/cuda/linear", "clients", train_of(HeadKind::linear, "none", 64, 1 << 16)},
      {"local_train/cuda/mlp", "clients", train_of(HeadKind::mlp, "none", 64, 1 << 14)},
      {"local_train/cuda/linear_50_samples", "clients",
       train_of(HeadKind::linear, "none", 64, 1 << 16, 10)},
      {"local_train/cuda/mlp_50_samples", "clients",
       train_of(HeadKind::mlp, "none", 64, 1 << 14, 10)},
      {"local_train/cuda/neumf", "clients", train_of(HeadKind::neumf, "none", 64, 1 << 14)},
      {"local_train/cuda/linear_router3", "clients",
       train_of(HeadKind::linear, "fedvlr", 64, 1 << 14)},
      {"aggregate/cuda-atomics/1000_items", "clients", aggregate_of(GpuMethod::atomics, 1000)},
      {"aggregate/cuda-sorted/1000_items", "clients", aggregate_of(GpuMethod::sorted, 1000)},
      {"aggregate/cuda-float-atomics/1000_items", "clients",
       aggregate_of(GpuMethod::float_atomics, 1000)},
      {"aggregate/cuda-atomics/100000_items", "clients", aggregate_of(GpuMethod::atomics, 100000)},
      {"aggregate/cuda-sorted/100000_items", "clients", aggregate_of(GpuMethod::sorted, 100000)},
      {"aggregate/cuda-float-atomics/100000_items", "clients",
       aggregate_of(GpuMethod::float_atomics, 100000)},
      {"aggregate/cuda-sorted/100000_items_skewed", "clients",
       aggregate_of(GpuMethod::sorted, 100000, 1.0)},
      {"preference/cuda-fused/100000_items_5_groups", "items",
       preference_of(Form::fused, 100000, 5)},
      {"preference/cuda-fused/1048576_items_5_groups", "items",
       preference_of(Form::fused, 1 << 20, 5)},
      {"preference/cuda-fused/1048576_items_64_groups", "items",
       preference_of(Form::fused, 1 << 20, 64)},
      {"preference/cuda-blas/1048576_items_5_groups", "items",
       preference_of(Form::blas, 1 << 20, 5)},
      {"preference/cuda-naive/65536_items_5_groups", "items",
       preference_of(Form::naive, 1 << 16, 5)},
      {"teacher/cuda/64_steps_of_51_items_x_5_groups", "steps", teacher_of(true)},
      {"teacher/cuda/64_steps_of_256_pairs", "steps", teacher_of(false)},
      {"teacher/cuda-steps/64_steps_of_51_items_x_5_groups", "steps",
       teacher_of(true, teacher::Way::steps)},
      {"group_targets/cuda/100000_items_5_groups", "rows", group_targets_of(100000, 5)},
      {"group_targets/cuda/20000_items_64_groups", "rows", group_targets_of(20000, 64)},
      {"kmeans/cuda-nearest/1048576_points_65_columns_5_groups", "points",
       nearest_of(1 << 20, 65, 5)},
      {"kmeans/cuda-nearest/65536_points_8385_columns_5_groups", "points",
       nearest_of(1 << 16, 8385, 5)},
      {"kmeans/cuda-nearest/1048576_points_65_columns_64_groups", "points",
       nearest_of(1 << 20, 65, 64)},
      {"kmeans/cuda-step/1048576_points_65_columns_5_groups", "points", kmeans_step_case},
      {"views/cuda/forward_65536_items", "items", views_of(false, 1 << 16)},
      {"views/cuda/backward_65536_items", "items", views_of(true, 1 << 16)},
      {"rank/cuda/4096_clients_100000_items", "clients", rank_of(HeadKind::linear, 1)},
      {"rank/cuda/mlp_4096_clients_100000_items", "clients", rank_of(HeadKind::mlp, 1)},
      {"rank/cuda/mlp_3_views_4096_clients_100000_items", "clients", rank_of(HeadKind::mlp, 3)},
      {"rank/cuda/neumf_4096_clients_100000_items", "clients", rank_of(HeadKind::neumf, 1)},
      {"rank/cuda/mlp_99_of_100000_items_4096_clients", "clients", rank_of(HeadKind::mlp, 1, 99)}};
}

}  // namespace

std::span<const DeviceCaseRow> device_cases() {
  static const auto table = [] {
    auto rows = make_table();
    std::ranges::copy(link_cases(), std::back_inserter(rows));
    return rows;
  }();
  return table;
}

std::shared_ptr<gpu::Device> bench_device() {
  if (std::getenv("FEDFUSE_BENCH_EMULATED") != nullptr) return gpu::open_emulated_device();
  return gpu::count_devices() > 0 ? gpu::open_cuda_device(0) : nullptr;
}

}  // namespace fedfuse::bench
