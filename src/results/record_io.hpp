#pragma once
// The small parts of a result file, read by one process without its data set: for `fedfuse info`
// and `fedfuse table`.
#include <cstdint>
#include <string>

#include "results/record.hpp"

namespace fedfuse {

struct ResultSummary {
  RunRecord record;  // configuration, status, tables, facts, notes
  std::string data_name;
  std::int64_t clients = 0, items = 0, train_interactions = 0;
};
// InputError when the file is not ours
[[nodiscard]] ResultSummary read_summary(const std::string& path);

}  // namespace fedfuse
