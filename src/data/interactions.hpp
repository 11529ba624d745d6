#pragma once
// The rules that turn rows of a CSV into a data set's interactions: duplicates, k-core,
// leave-one-out.
#include <cstdint>
#include <string>
#include <vector>

#include "data/read_csv.hpp"

namespace fedfuse {

// Keeps one row of each (user, item): the earliest; at equal times the one with the largest label,
// so that nothing is both trained on and held out. Without times the first row of the file. Returns
// how many rows went.
std::int64_t drop_duplicates(InteractionTable& table);

// Users that no row is to be trained on for: all their rows are labelled 1 or 2.
std::int64_t users_held_out_whole(const InteractionTable& table);

struct Core {
  std::vector<std::uint8_t> user, item;  // 1: stays
};
// Largest set in which every user has >= min_user interactions, one of them to train on (label 0),
// and every item >= min_item; drops the rows of the others. Users and items that lost all their
// rows do not stay.
Core keep_core(InteractionTable& table, std::int64_t min_user, std::int64_t min_item);

// The order of ids of which some are not whole numbers.
enum class TextOrder { by_bytes, by_appearance };
// position[k]: the k-th id's place among those that stay; -1: does not stay. Ascending by value
// when all ids (also those that do not stay) are whole numbers in plain form, else as `order` says.
std::vector<std::int32_t> number_ids(const std::vector<std::string>& ids,
                                     const std::vector<std::uint8_t>& stays, TextOrder order);

// Whole numbers 0.. without sign or leading zeros; -1: another text.
std::int64_t whole_number(const std::string& id);

// One user after the other.
struct Split {
  std::vector<std::int64_t> offsets{0};   // users + 1
  std::vector<std::int32_t> train;        // ascending within a user
  std::vector<std::int32_t> valid, test;  // -1: none
  std::int64_t not_evaluated = 0;         // users without a held-out item
};
// The table's user and item must be final numbers, users 0 .. users - 1. user_ids[u] names user u
// in errors. Labels, where there are some, decide alone; else a user with fewer than 3 interactions
// has no held-out item. InputError when labels name two validation or test items for a user.
Split split_interactions(const InteractionTable& table, const std::vector<std::string>& user_ids);

}  // namespace fedfuse
