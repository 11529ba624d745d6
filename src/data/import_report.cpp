#include <algorithm>
#include <array>

#include "core/text.hpp"
#include "data/date_time.hpp"
#include "data/import.hpp"

namespace fedfuse {
namespace {

// A unit in which times are counted from 1970; those of 1973 to 2286 tell it by their size.
struct TimeUnit {
  const char* name;
  std::int64_t a_second;
};
constexpr std::array time_units{TimeUnit{"seconds", 1}, TimeUnit{"milliseconds", 1'000},
                                TimeUnit{"microseconds", 1'000'000},
                                TimeUnit{"nanoseconds", 1'000'000'000}};

const TimeUnit* unit_of(std::int64_t time) {
  constexpr std::int64_t first = 100'000'000;
  constexpr std::int64_t last = 9'999'999'999;
  const auto* const unit = std::ranges::find_if(time_units, [&](const TimeUnit& u) {
    return time / u.a_second >= first && time / u.a_second <= last;
  });
  return unit == time_units.end() ? nullptr : unit;
}

std::string rows_warning(const ImportReport& r) {
  const bool features = r.dim_text > 0 || r.dim_image > 0;
  if (!features || 2 * r.items_without_interactions <= r.items) return "";
  return cat(r.items_without_interactions, " of ", r.items,
             " items have no interaction: they are there because each row of features is an item. ",
             r.rows_listed
                 ? "Check that --item-ids lists the ids of the rows in their order"
                 : "Row k belongs to item id k; where the rows follow a list of ids, give "
                   "it with --item-ids",
             ", or drop such items with --min-item 2\n");
}

std::string times_warning(const ImportReport& r) {
  if (r.found.times != TimeForm::number) return "";
  const auto* first = unit_of(r.found.first_time);
  const auto* last = unit_of(r.found.last_time);
  if (first == nullptr || last == nullptr || first == last) return "";
  return cat("some timestamps look like ", first->name, " since 1970 and others like ", last->name,
             ": from ", r.found.first_time, " to ", r.found.last_time,
             ". Only their order counts: write all in one unit\n");
}

std::string times_in_words(const CsvFound& found) {
  const auto days = [&](std::int64_t a_second) {
    return cat(day_of(found.first_time / a_second), " to ", day_of(found.last_time / a_second));
  };
  if (found.times == TimeForm::date) return cat("dates from ", days(1));
  const auto* unit = unit_of(found.first_time);
  if (unit == nullptr || unit != unit_of(found.last_time))
    return cat("numbers from ", found.first_time, " to ", found.last_time);
  return cat("numbers; as ", unit->name, " since 1970 from ", days(unit->a_second));
}

std::string found_in_words(const CsvFound& found) {
  auto text = cat("delimiter: ", text_of(found.delimiter), "; the first line is ",
                  found.header ? "a header" : "a row");
  if (found.times != TimeForm::none) text += cat("; timestamps: ", times_in_words(found));
  return text;
}

}  // namespace

std::vector<std::string> warnings(const ImportReport& report) {
  std::vector<std::string> found{rows_warning(report), times_warning(report)};
  std::erase_if(found, [](const std::string& text) { return text.empty(); });
  return found;
}

std::string describe(const ImportReport& r) {
  std::string text;
  const auto line = [&](const auto&... parts) { text += cat(parts..., '\n'); };
  const auto modality = [&](const char* name, std::int64_t dim, std::int64_t missing) {
    if (dim == 0)
      line(name, ": none");
    else
      line(name, ": ", dim, " columns; missing for ", missing, " of ", r.items, " items");
  };
  const auto untrained = r.untrained_users == 0
                             ? std::string()
                             : cat(" (", r.untrained_users, " have only held-out rows)");
  line(found_in_words(r.found));
  line(r.rows, " rows read, ", r.duplicates, " of them duplicates of a (user, item) pair");
  line("filtered out: ", r.dropped_users, " users", untrained, ", ", r.dropped_items, " items, ",
       r.dropped_interactions, " interactions");
  line("kept: ", r.users, " users, ", r.items, " items (", r.items_without_interactions,
       " without interactions), ", r.interactions, " interactions");
  line("split by ", r.split_by_label ? "split_label" : "time, last item = test", ": ", r.train,
       " to train on; ", r.valid, " users with a validation item (", r.cold_valid,
       " of them cold), ", r.test, " with a test item (", r.cold_test,
       " cold: in nobody's training set)");
  line(r.not_evaluated, " users have ",
       r.split_by_label ? "no held-out item" : "fewer than 3 interactions",
       ": trained on, not evaluated");
  modality("text", r.dim_text, r.missing_text);
  modality("image", r.dim_image, r.missing_image);
  for (const auto& warned : warnings(r)) text += cat("warning: ", warned);
  return text;
}

}  // namespace fedfuse
