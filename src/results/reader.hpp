#pragma once
// A result file, read: its small parts by one process without its data set (for `fedfuse info` and
// `fedfuse table`), or all of it by all ranks.
#include <cstdint>
#include <string>

#include "core/comm.hpp"
#include "core/h5.hpp"
#include "data/dataset.hpp"
#include "results/record.hpp"

namespace fedfuse {

// The small parts: configuration, status, tables, facts, notes.
[[nodiscard]] RunRecord read_small_parts(const h5::File& file);

struct ResultSummary {
  RunRecord record;  // configuration, status, tables, facts, notes
  std::string data_name;
  std::int64_t clients = 0, items = 0, train_interactions = 0;
};
// InputError when the file is not ours
[[nodiscard]] ResultSummary read_summary(const std::string& path);
// Why nothing may be concluded from the result: its status says so, a number of its records or of
// its model is not finite, rounds or clients are missing. "" when none of it is so. Reads the whole
// model; InputError where that is damaged.
[[nodiscard]] std::string why_unfit(const std::string& path, const ResultSummary& summary);

// Collective; InputError when the file is not ours, of another schema, or does not fit the data
// set.
struct LoadedResult {
  RunRecord record;  // config, status, tables, facts, notes
  StoredModel model;
};
[[nodiscard]] LoadedResult read_result(const std::string& path, const Dataset& data,
                                       const Comm& comm);

}  // namespace fedfuse
