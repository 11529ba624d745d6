#pragma once
// `fedfuse train`.
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"

namespace fedfuse {

// Collective. Trains as config says (validated, its output path checked) and writes config.out.
void run_training(const Config& config, const std::vector<std::string>& argv, const Comm& comm);

}  // namespace fedfuse
