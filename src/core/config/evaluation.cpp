#include "core/config/evaluation.hpp"

#include <charconv>

#include "core/config/check.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

constexpr std::string_view full = "full", sampled = "sampled:";

InputError no_candidates(std::string_view option, std::string_view text, const std::string& why) {
  return {cat(option, " \"", text, "\""), why, "use full, or for example sampled:99"};
}

}  // namespace

void parse_into(Candidates& value, std::string_view option, std::string_view text) {
  if (text == full) {
    value = {};
    return;
  }
  if (!text.starts_with(sampled)) {
    const auto near = nearest_word(std::string(text), {std::string(full)});
    throw no_candidates(option, text,
                        cat("it is neither full nor sampled:N",
                            near.empty() ? "" : cat("; did you mean ", near, "?")));
  }
  const auto digits = text.substr(sampled.size());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error == std::errc::result_out_of_range)
    throw no_candidates(option, text, "the N of sampled:N is too large");
  if (error != std::errc() || end != digits.data() + digits.size() || number < 1)
    throw no_candidates(option, text, "the N of sampled:N is not a whole number from 1");
  value = {Candidates::Kind::sampled, number};
}

std::string text_of(const Candidates& value) {
  return value.kind == Candidates::Kind::full ? std::string(full) : cat(sampled, value.number);
}

void validate(const EvaluationOptions& o) {
  within("eval-every", o.every, 1, most_counted);
  within("eval-clients", o.clients, 0, most_counted);
  within("patience", o.patience, 0, most_counted);
  within("patience-after", o.patience_after, 0, most_counted);
}

}  // namespace fedfuse
