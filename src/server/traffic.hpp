#pragma once
// What a deployment would send, per participant and round (models.md section 7, 4-byte floats), by
// the dense protocol and by one that uploads touched rows only; and the comparison that sends raw
// features to clients.
#include <cstdint>

#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

struct Traffic {  // bytes per participant
  double dense_down = 0, dense_up = 0, sparse_down = 0, sparse_up = 0, raw_multimodal_down = 0;
  double parameters_on_client = 0;  // floats that a client holds (the FedVLR paper's Table 3)
};

// operator_parameters: gamma of the server's views, 0 without; mean_touched: distinct items of a
// participant.
[[nodiscard]] Traffic count_traffic(const ModelSpec& spec, const Dataset& data,
                                    std::int64_t operator_parameters, double mean_touched);

}  // namespace fedfuse
