#pragma once
#include <string>

#include "core/comm.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// Collective. Clients go to ranks heaviest first (see partition.hpp). InputError when the file is
// not ours.
[[nodiscard]] Dataset read_dataset(const std::string& path, const Comm& comm);

}  // namespace fedfuse
