#pragma once
// The commands beside train. Collective; rank 0 prints. Stopped once stop asks.
#include <string>
#include <vector>

#include "app/options.hpp"
#include "core/comm.hpp"
#include "core/stop.hpp"

namespace fedfuse {

void run_evaluate(const EvaluateOptions& options, const std::vector<std::string>& argv,
                  const Comm& comm, const Stop& stop);
// any of our files, in words
void print_info(const std::vector<std::string>& files, const Comm& comm);
void print_table(const std::vector<std::string>& files, const Comm& comm);  // one row a result

}  // namespace fedfuse
