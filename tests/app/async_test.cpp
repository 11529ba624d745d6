// A run with --async, as a person starts it: the same bits on other ranks and threads and after a
// restart in its middle, what its record says, and what is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

constexpr int steps = 9, uploads = 6, in_flight = 24;

std::string train(const std::string& name, const std::string& more) {
  const auto& place = Place::get();
  return cat("train --backbone fedncf --fusion mlp --dim 8 --rounds ", steps,
             " --fraction 0.4 --data ", place.file("data.h5"), " --out ", place.file(name),
             " --client-devices lognormal --async ", uploads, " --max-staleness 3 --dropout 0.1 ",
             more);
}

void expect_same(const std::string& first, const std::string& second) {
  const auto a = h5::File::open(Place::get().file(first)),
             b = h5::File::open(Place::get().file(second));
  for (const char* name :
       {"/metrics/loss", "/metrics/participants", "/clock/simulated_total_s", "/clock/invited",
        "/clock/dropped", "/clock/late", "/clock/wasted_client_s", "/clock/staleness_mean",
        "/clock/staleness_max", "/clock/old_models", "/classes/class_deliveries",
        "/classes/class_test_hr_50"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  EXPECT_EQ(a.read_all<float>("/model/view_mlp"), b.read_all<float>("/model/view_mlp"));
}

TEST(Async, same_bits_on_other_ranks_and_after_a_restart) {
  const auto one = test::fedfuse(train("async.h5", "--threads 1"));
  ASSERT_EQ(one.code, 0) << one.output;
  const auto many = test::fedfuse_on(3, train("async3.h5", "--threads 2"));
  ASSERT_EQ(many.code, 0) << many.output;
  expect_same("async.h5", "async3.h5");

  // stopped after one, two and three steps
  const std::string stopped = "--checkpoint-every 1 --time-budget 0.001 ";
  ASSERT_EQ(test::fedfuse(train("async2.h5", stopped)).code, 75);
  test::expect_refused(test::fedfuse(train("async2.h5", "--resume --max-staleness 4")),
                       "--max-staleness was 3 there and is 4 here");
  ASSERT_EQ(test::fedfuse_on(2, train("async2.h5", stopped + "--resume")).code, 75);
  ASSERT_EQ(test::fedfuse(train("async2.h5", stopped + "--resume")).code, 75);
  const auto resumed = test::fedfuse_on(2, train("async2.h5", "--checkpoint-every 1 --resume"));
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  expect_same("async.h5", "async2.h5");
}

TEST(Async, the_record_says_how_stale_uploads_were) {
  ASSERT_EQ(test::fedfuse(train("async_record.h5", "")).code, 0);
  const auto file = h5::File::open(Place::get().file("async_record.h5"));
  const auto column = [&](const char* name) { return file.read_all<double>(cat("/clock/", name)); };
  const auto invited = column("invited"), delivered = column("delivered"),
             dropped = column("dropped"), late = column("late"), mean = column("staleness_mean"),
             most = column("staleness_max"), flying = column("in_flight"),
             old = column("old_models"), took = column("simulated_s"),
             total = column("simulated_total_s");
  ASSERT_EQ(invited.size(), std::size_t(steps));
  double balance = 0, sum = 0;
  for (std::size_t r = 0; r < invited.size(); ++r) {
    EXPECT_EQ(delivered[r], uploads);
    EXPECT_EQ(flying[r], in_flight - 1)
        << "the place of the last upload is filled in the next step";
    EXPECT_EQ(balance += invited[r] - delivered[r] - dropped[r] - late[r], flying[r]);
    EXPECT_LE(mean[r], most[r]);
    EXPECT_LE(most[r], std::min(3.0, double(r)));
    EXPECT_LE(old[r], 3);
    EXPECT_NEAR(total[r], sum += took[r], 1e-6);
  }
  EXPECT_EQ(most[0], 0);
  EXPECT_EQ(old[0], 1);
  EXPECT_GT(mean.back(), 0);
  const auto info = test::fedfuse(cat("info ", Place::get().file("async_record.h5")));
  EXPECT_TRUE(info.says("buffered asynchronous")) << info.output;
}

TEST(Async, what_a_step_cannot_be_is_refused) {
  const auto& place = Place::get();
  const std::string base = "--client-devices equal --async 6 ";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"--async 6", "without --client-devices"},
      {"--client-devices equal --concurrency 9", "--concurrency 9 without --async"},
      {"--client-devices equal --async -1", "--async"},
      {base + "--max-staleness -1", "--max-staleness"},
      {base + "--concurrency 5", "more uploads than there are clients in flight"},
      {base + "--concurrency 61", "there are only 60 clients"},
      {base + "--fraction 0.05", "only 3 clients are in flight"},
      {base + "--availability diurnal", "clients are invited all the time"},
      {base + "--over-select 2", "larger --concurrency"},
      {base + "--deadline 3", "for no time"},
      {base + "--fusion gfmfr", "of different steps"},
      {base + "--fusion group-prior", "follow the newest prior"},
      {base + "--secure-sum check", "known before they train"},
      {base + "--defence row-median", "no weights of staleness"},
      {base + "--device emulated", "of a step from one model"},
      {base + "--sampling poisson", "another number comes"},
      {base + "--probe-clients 3", "participants of earlier rounds"},
      {base + "--clip 1 --noise-multiplier 1", "theorem speaks of"}};
  std::vector<test::RefusedLine> lines;
  for (const auto& [more, because] : cases)
    lines.push_back({cat(FEDFUSE_PROGRAM, " train --data ", place.file("data.h5"), " --out ",
                         place.file(cat("never", lines.size(), ".h5")), " ", more),
                     because});
  test::expect_all_refused(lines);
}

}  // namespace
}  // namespace fedfuse
