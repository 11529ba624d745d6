#pragma once
// FedVLR's router at inference (models.md section 4):
//   omega_u = mean over i in P_u of softmax(Phi2 ReLU(Phi1 [F_1[i]; ..; F_J[i]] + phi1) + phi2)
#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "model/head.hpp"

namespace fedfuse {

// omega: J numbers, out; 1/J each when there are no positives. views: J matrices M x d. router:
// layout.size numbers.
void router_weights(const RouterLayout& layout, const float* router,
                    std::span<const Matrix<float>> views, std::span<const std::int32_t> positives,
                    std::span<float> omega);

}  // namespace fedfuse
