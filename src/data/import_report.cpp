#include "core/text.hpp"
#include "data/import.hpp"

namespace fedfuse {

std::string warning(const ImportReport& r) {
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
  if (const auto warned = warning(r); !warned.empty()) text += cat("warning: ", warned);
  return text;
}

}  // namespace fedfuse
