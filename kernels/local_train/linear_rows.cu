// One thread block, one client of a linear head, its rows in registers.
#include "core/error.hpp"
#include "kernels/local_train/gpu_linear_rows.cuh"

namespace fedfuse::local_train {

template <>
void train_linear_rows<gpu::Platform>(const Shape& shape, const Rates& rates, const GpuPlan& plan,
                                      const GpuClients& g, const gpu::Stream& stream) {
  const bool served = with_linear_rows(shape, g.batch, plan.linear_rows, [&](auto linear) {
    using Plan = decltype(linear);
    const auto kernel =
        shape.rows_trained ? linear_rows_kernel<Plan, true> : linear_rows_kernel<Plan, false>;
    gpu::launch(kernel, dim3{unsigned(g.count), 1, 1}, unsigned(plan.threads), plan.shared_bytes,
                stream, shape, rates, g);
  });
  FEDFUSE_CHECK(served, "the plan and the launch have one batch");
}

}  // namespace fedfuse::local_train
