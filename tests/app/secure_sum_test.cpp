// A run with a secure sum, as a person starts it: its record, other ranks, a restart, refusals.
#include <gtest/gtest.h>

#include "core/h5.hpp"
#include "core/matrix.hpp"
#include "core/text.hpp"
#include "secure/agreement.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat("train --backbone fcf --dim 8 --rounds 3 --data ", Place::get().file("data.h5"),
             " --out ", Place::get().file(name), " ", more);
}

constexpr const char* masked =
    "--secure-sum check --secure-degree 12 --secure-threshold 5 --client-devices equal "
    "--dropout 0.2 ";

class SecureSum : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  }
};

void expect_same(const std::string& first, const std::string& second) {
  const auto a = h5::File::open(Place::get().file(first)),
             b = h5::File::open(Place::get().file(second));
  for (const char* name : {"/metrics/loss", "/privacy/secure_clients", "/privacy/secure_gone",
                           "/privacy/secure_masks", "/facts/secure_upload_words"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  EXPECT_EQ(a.read_all<float>("/model/item_table"), b.read_all<float>("/model/item_table"));
}

TEST_F(SecureSum, same_bits_on_other_ranks_and_after_a_restart) {
  const auto one = test::fedfuse(train("masked.h5", cat(masked, "--threads 1")));
  ASSERT_EQ(one.code, 0) << one.output;
  const auto many = test::fedfuse_on(3, train("masked3.h5", cat(masked, "--threads 2")));
  ASSERT_EQ(many.code, 0) << many.output;
  expect_same("masked.h5", "masked3.h5");
  const auto line = cat(masked, "--checkpoint-every 1 ");
  ASSERT_EQ(test::fedfuse(train("masked2.h5", cat(line, "--time-budget 0.001"))).code, 75);
  const auto rest = test::fedfuse_on(2, train("masked2.h5", cat(line, "--resume")));
  ASSERT_EQ(rest.code, 0) << rest.output;
  expect_same("masked.h5", "masked2.h5");
}

TEST_F(SecureSum, the_record_says_what_was_masked_and_what_it_cost) {
  ASSERT_EQ(test::fedfuse(train("sample.h5",
                                "--secure-sum sample --secure-clients 20 "
                                "--secure-degree 6"))
                .code,
            0);
  const auto file = h5::File::open(Place::get().file("sample.h5"));
  const auto fact = [&](const char* name) {
    return file.read_all<double>(cat("/facts/", name)).front();
  };
  EXPECT_EQ(fact("secure_degree"), 6);
  EXPECT_EQ(fact("secure_threshold"), 4);
  const double items = fact("items");
  EXPECT_EQ(fact("secure_upload_words"), items * 8 + items + 1 + 3 + 2);  // rows, their counts, ...
  EXPECT_GT(fact("secure_client_s"), 0);
  EXPECT_GT(fact("secure_server_s"), 0);
  EXPECT_EQ(file.read_all<double>("/privacy/secure_masks"), Array<double>(3, 20 * 7));
  for (const char* name : {"agree", "share", "mask", "join", "unmask"})
    EXPECT_GT(file.read_all<double>(cat("/time/secure_", name, "_s")).back(), 0) << name;
  const auto info = test::fedfuse(cat("info ", Place::get().file("sample.h5")));
  EXPECT_TRUE(info.says("holds all keys, so nothing is hidden")) << info.output;
}

TEST_F(SecureSum, a_refused_round_is_said) {
  const auto run = test::fedfuse(
      train("refused.h5", cat("--secure-sum check --secure-degree 12 --secure-threshold 12 "
                              "--client-devices equal --dropout 0.3")));
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_TRUE(run.says("3 of 3 rounds were refused")) << run.output;
  const auto file = h5::File::open(Place::get().file("refused.h5"));
  EXPECT_EQ(file.read_all<double>("/privacy/secure_refused"), Array<double>(3, 1.0));
  EXPECT_EQ(file.read_all<double>("/metrics/participants"), Array<double>(3, 0.0));
}

TEST_F(SecureSum, what_cannot_be_masked_is_refused) {
  const auto refused = [](const std::string& more, const std::string& because) {
    test::without_a_trace([&] {
      test::expect_refused(test::fedfuse(train("no.h5", cat("--secure-sum check ", more))),
                           because);
    });
  };
  refused("--defence row-median", "an order statistic needs the rows of every client in the clear");
  refused("--probe-clients 3", "the probe reads uploads in the clear");
  refused("--fusion gfmfr", "beside the one sum that masks protect");
  refused("--device emulated", "masks are added to the uploads that the processor makes");
  refused("--secure-degree 12 --secure-threshold 13", "gives a share to each of its 12 partners");
  refused("--secure-threshold 3", "give --secure-degree, too");
  refused("--secure-degree 7", "an even number from 2 to 4096");
  refused("--secure-degree 60", "each of them would share masks with 60 others");
  refused("--secure-window 3", "an even number of them");
  refused("--secure-corrupt 0.9", "no graph among so few is safe");
}

}  // namespace
}  // namespace fedfuse
