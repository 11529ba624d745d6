#pragma once
// What the validation NDCG@50 of a run tells about its end: whether more rounds could have helped.
#include <cstdint>

#include "results/record.hpp"

namespace fedfuse {

// Evaluations without a better one: those of the rounds after best_round, and after round `after`
// when that is later. Rounds without an evaluation do not count.
[[nodiscard]] std::int64_t evaluations_since_best(const RunRecord& record, std::int64_t after);

// 1: the best of the last tenth of the evaluations (at least 3 of them) is more than 1 % above the
// best of all before it; 0: it is not. NaN: fewer than 4 evaluations have a value.
[[nodiscard]] double rising_at_end(const Table& metrics);

// Sets the facts rounds_after_best and rising_at_end.
void set_curve_facts(RunRecord& record);
// The fact of a record that was read; false where it is absent or NaN.
[[nodiscard]] bool still_rose(const RunRecord& record);

}  // namespace fedfuse
