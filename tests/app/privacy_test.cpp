// A run with clip, noise and Poisson sampling, as a person starts it: the same bits on other ranks
// and threads and after a restart, and what its record says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "privacy/accountant.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat("train --backbone fedncf --fusion mlp --dim 8 --data ", Place::get().file("data.h5"),
             " --out ", Place::get().file(name), " --rounds 4 --sampling poisson --fraction 0.5 ",
             "--clip 0.1 --epsilon 20 --delta 1e-4 ", more);
}

void expect_same(const std::string& first, const std::string& second) {
  const auto a = h5::File::open(Place::get().file(first)),
             b = h5::File::open(Place::get().file(second));
  for (const char* name :
       {"/metrics/loss", "/metrics/participants", "/privacy/epsilon", "/privacy/clipped_share",
        "/privacy/upload_norm_median", "/privacy/upload_norm_max"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  for (const char* name : {"/model/view_mlp", "/model/theta", "/model/client_user"})
    EXPECT_EQ(a.read_all<float>(name), b.read_all<float>(name)) << name;
}

TEST(Privacy, same_bits_on_other_ranks_and_after_a_restart) {
  ASSERT_EQ(test::fedfuse(train("private.h5", "--threads 1")).code, 0);
  const auto many = test::fedfuse_on(3, train("private3.h5", "--threads 2"));
  ASSERT_EQ(many.code, 0) << many.output;
  expect_same("private.h5", "private3.h5");

  const auto stopped =
      test::fedfuse(train("private2.h5", "--checkpoint-every 1 --time-budget 0.001"));
  ASSERT_EQ(stopped.code, 75) << stopped.output;
  test::expect_refused(test::fedfuse(train("private2.h5", "--resume --clip 0.2")),
                       "--clip was 0.1 there and is 0.2 here");
  const auto resumed = test::fedfuse_on(2, train("private2.h5", "--resume"));
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  expect_same("private.h5", "private2.h5");
  const auto again = test::fedfuse(train("private2.h5", "--resume"));
  EXPECT_TRUE(again.code == 0 && again.says("finished")) << again.output;
}

TEST(Privacy, the_record_says_what_was_spent_and_what_it_covers) {
  ASSERT_EQ(test::fedfuse(train("record.h5", "--threads 1")).code, 0);
  const auto file = h5::File::open(Place::get().file("record.h5"));
  const auto fact = [&](const char* name) {
    return file.read_all<double>(cat("/facts/", name)).front();
  };
  const double z = fact("noise_multiplier");
  EXPECT_LE(fact("epsilon"), 20);
  EXPECT_GT(fact("epsilon"), 19.9);
  EXPECT_EQ(fact("delta"), 1e-4);
  EXPECT_EQ(fact("epsilon"), Accountant({Sampling::poisson, z, 0.5}).after(4, 1e-4).epsilon);
  const auto spent = file.read_all<double>("/privacy/epsilon");
  ASSERT_EQ(spent.size(), 4u);
  EXPECT_TRUE(std::ranges::is_sorted(spent));
  EXPECT_EQ(spent.back(), fact("epsilon"));
  // 60 clients, of which half are expected
  EXPECT_DOUBLE_EQ(file.read_all<double>("/privacy/noise_std").front(), z * 0.1 / 30);
  const auto info = test::fedfuse(cat("info ", Place::get().file("record.h5")));
  for (const char* part : {"at delta 0.0001", "epsilon_covers", "add-or-remove-one", "seed"})
    EXPECT_TRUE(info.says(part)) << part << info.output;
  const auto plain = test::fedfuse(cat("info ", Place::get().file("run.h5")));
  EXPECT_TRUE(plain.says("there is no epsilon")) << plain.output;
}

TEST(Privacy, an_attack_a_defence_and_the_probe_are_in_the_record_after_a_restart_too) {
  const auto line = [](const std::string& name, const std::string& more) {
    return cat("train --backbone fcf --fusion mlp --dim 8 --rounds 3 --data ",
               Place::get().file("data.h5"), " --out ", Place::get().file(name),
               " --attack boost-item --attack-share 0.1 --attack-boost 10 --defence row-median",
               " --probe-clients 20 --upload-ids padded --upload-padding 10 --clip 1 ", more);
  };
  ASSERT_EQ(test::fedfuse(line("attack.h5", "--threads 1")).code, 0);
  ASSERT_EQ(test::fedfuse(line("attack2.h5", "--checkpoint-every 1 --time-budget 0.001")).code, 75);
  const auto resumed = test::fedfuse_on(2, line("attack2.h5", "--resume"));
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  const auto a = h5::File::open(Place::get().file("attack.h5")),
             b = h5::File::open(Place::get().file("attack2.h5"));
  for (const char* name : {"/metrics/er_50", "/metrics/test_hr_50", "/privacy/probe_auc_rows",
                           "/privacy/probe_precision_ids", "/privacy/upload_norm_max"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  EXPECT_EQ(a.read_all<float>("/model/view_mlp"), b.read_all<float>("/model/view_mlp"));
  const auto info = test::fedfuse(cat("info ", Place::get().file("attack.h5")));
  for (const char* part : {"rated_items_visible", "only among 10 more", "probability 0.1, item"})
    EXPECT_TRUE(info.says(part)) << part << info.output;
}

}  // namespace
}  // namespace fedfuse
