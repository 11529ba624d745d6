#include "data/interactions.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

// Keeps row k where stays(k), in order. Returns how many rows went.
template <class Stays>
std::int64_t keep_rows(InteractionTable& table, Stays&& stays) {
  std::size_t kept = 0;
  const auto rows = table.user.size();
  for (std::size_t k = 0; k < rows; ++k) {
    if (!stays(k)) continue;
    table.user[kept] = table.user[k];
    table.item[kept] = table.item[k];
    if (!table.time.empty()) table.time[kept] = table.time[k];
    if (!table.time_fraction.empty()) table.time_fraction[kept] = table.time_fraction[k];
    if (!table.split.empty()) table.split[kept] = table.split[k];
    ++kept;
  }
  table.user.resize(kept);
  table.item.resize(kept);
  if (!table.time.empty()) table.time.resize(kept);
  if (!table.time_fraction.empty()) table.time_fraction.resize(kept);
  if (!table.split.empty()) table.split.resize(kept);
  return std::int64_t(rows - kept);
}

std::vector<std::int64_t> occurrences(const std::vector<std::int32_t>& positions, std::size_t n) {
  std::vector<std::int64_t> count(n, 0);
  for (const auto p : positions) ++count[std::size_t(p)];
  return count;
}

std::uint8_t label_of(const InteractionTable& table, std::int32_t row) {
  return table.split.empty() ? std::uint8_t(0) : table.split[std::size_t(row)];
}

// Of each user: rows with label 0.
std::vector<std::int64_t> training_rows(const InteractionTable& table) {
  std::vector<std::int64_t> count(table.user_ids.size(), 0);
  for (std::size_t k = 0; k < table.user.size(); ++k)
    if (label_of(table, std::int32_t(k)) == 0) ++count[std::size_t(table.user[k])];
  return count;
}

// Rows sorted by user, file order within a user.
std::vector<std::int32_t> rows_by_user(const InteractionTable& table) {
  std::vector<std::int32_t> order(table.user.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return table.user[std::size_t(a)] < table.user[std::size_t(b)];
  });
  return order;
}

using Rows = std::vector<std::int32_t>::iterator;

void hold_out_last(const InteractionTable& table, Rows begin, Rows end,
                   std::vector<std::uint8_t>& label) {
  const auto when = [&](std::int32_t row) {
    return std::pair(table.time_of(row), table.item[std::size_t(row)]);
  };
  std::sort(begin, end, [&](std::int32_t a, std::int32_t b) { return when(a) < when(b); });
  label[std::size_t(*(end - 1))] = 2;
  label[std::size_t(*(end - 2))] = 1;
}

void check_labels(const InteractionTable& table, Rows begin, Rows end, const std::string& user) {
  for (const int label : {1, 2}) {
    const auto held = std::count_if(
        begin, end, [&](std::int32_t k) { return table.split[std::size_t(k)] == label; });
    if (held > 1)
      throw InputError(cat("cannot use the column split_label: user ", user, " has ", held,
                           label == 1 ? " validation" : " test", " items"),
                       "one item of a user is held out for each",
                       "label one of them, or remove the column and let the timestamps decide");
  }
}

}  // namespace

std::int64_t drop_duplicates(InteractionTable& table) {
  const auto pair = [&](std::int32_t row) {
    const auto k = std::size_t(row);
    return std::pair(table.user[k], table.item[k]);
  };
  const auto first_of_pair = [&](std::int32_t a, std::int32_t b) {
    if (table.has_times()) {
      if (const auto x = table.time_of(a), y = table.time_of(b); x != y) return x < y;
      if (const auto x = label_of(table, a), y = label_of(table, b); x != y) return x > y;
    }
    return a < b;
  };
  std::vector<std::int32_t> rows(table.user.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::sort(rows.begin(), rows.end(), [&](std::int32_t a, std::int32_t b) {
    if (const auto x = pair(a), y = pair(b); x != y) return x < y;
    return first_of_pair(a, b);
  });
  std::vector<std::uint8_t> repeated(rows.size(), 0);
  for (std::size_t k = 1; k < rows.size(); ++k)
    repeated[std::size_t(rows[k])] = std::uint8_t(pair(rows[k]) == pair(rows[k - 1]));
  return keep_rows(table, [&](std::size_t k) { return repeated[k] == 0; });
}

std::int64_t users_held_out_whole(const InteractionTable& table) {
  const auto trained = training_rows(table);
  return std::count(trained.begin(), trained.end(), 0);
}

Core keep_core(InteractionTable& table, std::int64_t min_user, std::int64_t min_item) {
  while (true) {
    const auto of_user = occurrences(table.user, table.user_ids.size());
    const auto of_item = occurrences(table.item, table.item_ids.size());
    const auto trained = training_rows(table);
    const auto dropped = keep_rows(table, [&](std::size_t k) {
      const auto user = std::size_t(table.user[k]);
      return of_user[user] >= min_user && trained[user] > 0 &&
             of_item[std::size_t(table.item[k])] >= min_item;
    });
    if (dropped > 0) continue;
    const auto occurs = [](const std::vector<std::int64_t>& count) {
      std::vector<std::uint8_t> stays(count.size());
      std::transform(count.begin(), count.end(), stays.begin(),
                     [](std::int64_t n) { return std::uint8_t(n > 0); });
      return stays;
    };
    return {occurs(of_user), occurs(of_item)};
  }
}

std::int64_t whole_number(const std::string& id) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
  const bool plain = error == std::errc() && end == id.data() + id.size() && id[0] != '-' &&
                     (id[0] != '0' || id.size() == 1);
  return plain ? value : -1;
}

std::vector<std::int32_t> number_ids(const std::vector<std::string>& ids,
                                     const std::vector<std::uint8_t>& stays, TextOrder order) {
  std::vector<std::int64_t> value(ids.size());
  std::transform(ids.begin(), ids.end(), value.begin(), whole_number);
  std::vector<std::int32_t> sorted(ids.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  const auto sort_by = [&](const auto& key) {
    std::sort(sorted.begin(), sorted.end(), [&](std::int32_t a, std::int32_t b) {
      return key[std::size_t(a)] < key[std::size_t(b)];
    });
  };
  const bool all_whole = std::find(value.begin(), value.end(), -1) == value.end();
  if (all_whole)
    sort_by(value);
  else if (order == TextOrder::by_bytes)
    sort_by(ids);
  std::vector<std::int32_t> position(ids.size(), -1);
  std::int32_t next = 0;
  for (const auto k : sorted)
    if (stays[std::size_t(k)] != 0) position[std::size_t(k)] = next++;
  return position;
}

Split split_interactions(const InteractionTable& table, const std::vector<std::string>& user_ids) {
  auto order = rows_by_user(table);
  auto label = table.split;
  if (label.empty()) label.assign(table.user.size(), 0);
  Split split;
  split.train.reserve(order.size());
  auto begin = order.begin();
  for (std::size_t u = 0; u < user_ids.size(); ++u) {
    auto end = begin;
    while (end != order.end() && std::size_t(table.user[std::size_t(*end)]) == u) ++end;
    FEDFUSE_CHECK(end != begin, "a user without interactions was kept");
    const bool labelled = !table.split.empty();
    constexpr std::ptrdiff_t fewest_to_hold_out = 3;
    if (labelled) check_labels(table, begin, end, user_ids[u]);
    if (!labelled && end - begin >= fewest_to_hold_out) hold_out_last(table, begin, end, label);
    split.valid.push_back(-1);
    split.test.push_back(-1);
    for (auto row = begin; row != end; ++row) {
      const auto item = table.item[std::size_t(*row)];
      const auto held = label[std::size_t(*row)];
      if (held == 0) split.train.push_back(item);
      if (held == 1) split.valid.back() = item;
      if (held == 2) split.test.back() = item;
    }
    if (split.valid.back() < 0 && split.test.back() < 0) ++split.not_evaluated;
    std::sort(split.train.begin() + split.offsets.back(), split.train.end());
    split.offsets.push_back(std::int64_t(split.train.size()));
    begin = end;
  }
  return split;
}

}  // namespace fedfuse
