#pragma once
// GFMFR's grouping by behaviour: the mean features of the items that a client interacted with,
// computed on the client.
#include "core/matrix.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// Local clients x (d_t + d_v): means over P_u; an item without a modality does not count in that
// modality's mean. InputError, on all ranks, when no item has features.
[[nodiscard]] Matrix<float> behaviour_vectors(const Dataset& data);

}  // namespace fedfuse
