#pragma once
// The options of the evaluation and their choices (models.md, section 5).
#include <cstdint>

#include "core/choice.hpp"

namespace fedfuse {

// Items in no training set: ranked like all others, or left out.
enum class ColdItems { rank, exclude };
template <>
inline constexpr auto choice_names<ColdItems> =
    std::array{Named{ColdItems::rank, "rank"}, Named{ColdItems::exclude, "exclude"}};

// The items that a held-out item is ranked among: all of them, or `number` sampled ones.
struct Candidates {
  enum class Kind { full, sampled };
  Kind kind = Kind::full;
  std::int64_t number = 0;  // of sampled items; 0 with full
  bool operator==(const Candidates&) const = default;
};
template <>
struct Names<Candidates> {
  [[nodiscard]] static std::vector<std::string> all() { return {"full", "sampled:N"}; }
};
// "full" or "sampled:N", N >= 1. InputError.
void parse_into(Candidates& value, std::string_view option, std::string_view text);
[[nodiscard]] std::string text_of(const Candidates& value);

struct EvaluationOptions {
  std::int64_t every = 1;    // rounds
  std::int64_t clients = 0;  // 0: all (R12 otherwise)
  Candidates candidates;
  ColdItems cold_items = ColdItems::rank;
  // evaluations without a better validation NDCG@50; 0: never stop early
  std::int64_t patience = 0;
  std::int64_t patience_after = 50;  // rounds before evaluations count
  bool operator==(const EvaluationOptions&) const = default;
};
void validate(const EvaluationOptions& options);  // InputError

}  // namespace fedfuse
