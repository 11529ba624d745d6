// A checkpoint: what is saved on some ranks is loaded on others, and nothing damaged or foreign is.
#include "results/checkpoint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/crc32.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "results/checkpoint_files.hpp"
#include "results/record_state.hpp"
#include "results/validity.hpp"
#include "tests/results/synthetic.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

// The synthetic data set has no contents to hash: enough for the header.
CheckpointHeader header(const test::Run& run, const Dataset& data, std::int64_t round = 4) {
  const Identity identity{.data = "7", .config = "8", .program = "9"};
  return header_of(round, run.record.config, data, identity);
}

VisitState all_of(test::Run& run, const Dataset& data) {
  return [&](StateVisitor& visitor) {
    visit(visitor, "global", run.global);
    visit(visitor, "clients", run.spec, run.state);
    visit(visitor, "record", run.record, data);
    visitor.matrix("preferences", run.record.preferences);
  };
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(Crc32, IsZlibsAndJoins) {
  const std::string text = "123456789";
  const auto of = [](std::string_view s) {
    return crc32_of(std::span<const char>(s.data(), s.size()));
  };
  EXPECT_EQ(of(text).value, 0xCBF43926u);  // the check value of the catalogues
  for (std::size_t k = 0; k <= text.size(); ++k)
    EXPECT_EQ(joined(of(text.substr(0, k)), of(text.substr(k))), of(text)) << k;
}

TEST(Checkpoint, IsLoadedWhereverTheClientsLive) {
  const auto comm = Comm::world();
  for (const char* fusion : {"none", "gfmfr", "fedvlr"}) {
    const test::TemporaryFolder folder(comm);
    const auto data = test::synthetic_data(comm, test::Deal::round_robin),
               other = test::synthetic_data(comm, test::Deal::reversed_blocks);
    auto run = test::synthetic_run("fedrap", fusion, 0.1, data, comm);
    write_checkpoint(folder.file("a.h5"), header(run, data), all_of(run, data), data, comm)
        .commit->wait();
    const auto verified = verify_checkpoint(folder.file("a.h5"), comm);
    ASSERT_TRUE(verified.header) << verified.damage;
    EXPECT_EQ(verified.header->round, 4);
    EXPECT_EQ(verified.header->identity, header(run, data).identity);
    const auto expected = test::synthetic_run("fedrap", fusion, 0.1, other, comm);
    auto loaded = expected;
    for (auto& view : loaded.global.views) std::ranges::fill(view.values, -5.0f);
    std::ranges::fill(loaded.state.router.values, -5.0f);
    std::ranges::fill(loaded.state.group, -5);
    loaded.state.overlay = OverlayStore(other.local_clients(), loaded.spec.overlay_width());
    loaded.record.preferences = {};
    loaded.record.group_by_round = {};
    loaded.record.metrics = {};
    loaded.record.best_round = 0;
    load_checkpoint(folder.file("a.h5"), all_of(loaded, other), other, comm);
    EXPECT_EQ(loaded.global, expected.global);
    EXPECT_EQ(loaded.state, expected.state);
    EXPECT_EQ(loaded.record.preferences, expected.record.preferences);
    EXPECT_EQ(loaded.record.group_by_round, expected.record.group_by_round);
    EXPECT_EQ(loaded.record.metrics.rows(), expected.record.metrics.rows());
    EXPECT_EQ(loaded.record.metrics.at("valid_ndcg_50", 1),
              expected.record.metrics.at("valid_ndcg_50", 1));
    EXPECT_TRUE(std::isnan(loaded.record.metrics.at("valid_ndcg_50", 0)));
    EXPECT_EQ(loaded.record.best_round, 3);
  }
}

// A byte changed anywhere is noticed, or was of no account: then what is loaded is what was saved.
TEST(Checkpoint, NoDamageGoesUnnoticed) {
  const auto comm = Comm::self();
  const test::TemporaryFolder folder(comm);
  const auto data = test::synthetic_data(comm, test::Deal::round_robin);
  auto run = test::synthetic_run("fedrap", "gfmfr", 0, data, comm);
  const auto path = folder.file("a.h5"), bad = folder.file("bad.h5");
  write_checkpoint(path, header(run, data), all_of(run, data), data, comm).commit->wait();
  const auto size = fs::file_size(path);
  std::size_t noticed = 0;
  for (std::size_t k = 0; k < 200; ++k) {
    fs::copy_file(path, bad, fs::copy_options::overwrite_existing);
    {
      std::fstream file(bad, std::ios::in | std::ios::out | std::ios::binary);
      const auto at = std::streamoff(k * 7919 * 31 % size);
      file.seekg(at);
      const char byte = char(file.get());
      file.seekp(at);
      file.put(char(byte ^ 0x10));
    }
    if (!verify_checkpoint(bad, comm).header) {
      ++noticed;
      continue;
    }
    auto loaded = run;
    std::ranges::fill(loaded.state.theta.values, -5.0f);
    loaded.state.overlay = OverlayStore(data.local_clients(), run.spec.overlay_width());
    load_checkpoint(bad, all_of(loaded, data), data, comm);
    EXPECT_EQ(loaded.state, run.state) << k;
    EXPECT_EQ(loaded.global, run.global) << k;
  }
  EXPECT_GT(noticed, 20u);
  for (const double share : {0.0, 0.5, 0.99}) {
    fs::copy_file(path, bad, fs::copy_options::overwrite_existing);
    fs::resize_file(bad, std::uintmax_t(share * double(size)));
    EXPECT_FALSE(verify_checkpoint(bad, comm).header) << share;
  }
}

TEST(Checkpoint, AnotherRunIsRefusedByName) {
  const auto comm = Comm::self();
  const auto data = test::synthetic_data(comm, test::Deal::round_robin);
  const auto run = test::synthetic_run("fcf", "gfmfr", 0, data, comm);
  const auto then = header(run, data);
  const auto refused = [&](const std::function<void(CheckpointHeader&)>& change) {
    auto now = then;
    change(now);
    return error_of([&] { check_same_run("a.h5", then, now, "x86-64-v3"); });
  };
  EXPECT_EQ(refused([](auto& h) {
              h.config.federation.rounds = 200;
              h.config.execution.threads = 3;
              h.config.files.out = "b.h5";
              h.config.restart.checkpoint_every = 2;
            }),
            "");
  EXPECT_NE(refused([](auto& h) {
              h.config.federation.lr = 0.2;
            }).find("--lr was -1.0 there and is 0.2 here"),
            std::string::npos);
  EXPECT_NE(refused([](auto& h) { h.config.gfmfr.groups_min = 2; }).find("--groups-min"),
            std::string::npos);
  EXPECT_NE(refused([](auto& h) {
              h.identity.data = "8";
            }).find("the identity of the data set was 7 there and is 8 here"),
            std::string::npos);
  EXPECT_EQ(refused([](auto& h) { h.identity.program = "another commit"; }), "");
  const auto version = then.version.substr(0, then.version.find(" ("));
  EXPECT_EQ(refused([&](auto& h) { h.version = version + " (commit of another day)"; }), "");
  EXPECT_NE(refused([](auto& h) {
              h.version = "fedfuse 9.9.9 (commit x)";
            }).find(version + " there and is fedfuse 9.9.9 here"),
            std::string::npos);
  const auto other = refused([](auto& h) { h.target = "x86-64-v3"; });
  EXPECT_NE(other.find(cat("the target ", then.target, ", and this run has x86-64-v3")),
            std::string::npos);
  EXPECT_NE(other.find("available here: x86-64-v3"), std::string::npos) << other;
  EXPECT_NE(refused([](auto& h) { h.clients = 8; }).find("number of clients"), std::string::npos);
  EXPECT_NE(refused([](auto& h) { h.config.federation.rounds = 4; }).find("nothing is left to do"),
            std::string::npos);
}

TEST(CheckpointFiles, HasNamesOfItsOwnForEveryOut) {
  EXPECT_EQ(CheckpointFiles("out/run.h5").path(3), "out/run.ckpt.3.h5");
  EXPECT_EQ(CheckpointFiles("lr0.1").path(3), "lr0.1.ckpt.3.h5");
  EXPECT_EQ(CheckpointFiles("lr0.5").path(3), "lr0.5.ckpt.3.h5");
  EXPECT_EQ(CheckpointFiles("k.10.h5").path(1), "k.10.ckpt.1.h5");
}

TEST(CheckpointFiles, FindsItsOwnNewestFirstAndKeepsWhatIsNamed) {
  const auto comm = Comm::self();
  const test::TemporaryFolder folder(comm);
  for (const char* name : {"run.ckpt.9.h5", "run.ckpt.10.h5", "run.ckpt.x.h5", "run2.ckpt.3.h5",
                           "run.ckpt.11.h5.partial", "run.h5"})
    std::ofstream(folder.file(name)) << "x";
  const CheckpointFiles files(folder.file("run.h5"));
  const auto found = files.found();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].round, 10);
  EXPECT_EQ(found[0].path, files.path(10));
  files.keep_only({files.path(10)});
  auto left = folder.entries();
  std::ranges::sort(left);
  EXPECT_EQ(left, (std::vector<std::string>{"run.ckpt.10.h5", "run.ckpt.x.h5", "run.h5",
                                            "run2.ckpt.3.h5"}));
}

TEST(Validity, WhatMakesARecordInvalid) {
  const auto good = [] {
    RunRecord r;
    r.facts["clients"] = 10;
    r.baselines.begin_row();
    r.baselines.set("valid_clients", 9);
    r.baselines.set("test_clients", 9);
    for (int round = 1; round <= 2; ++round) {
      r.metrics.begin_row();
      for (const auto& [name, value] : {std::pair{"round", double(round)},
                                        {"loss", 0.5},
                                        {"loss_recommendation", 0.5},
                                        {"participants", 10.0},
                                        {"valid_ndcg_50", 0.1},
                                        {"test_ndcg_50", 0.1},
                                        {"test_hr_50", 0.1},
                                        {"valid_clients", 9.0},
                                        {"test_clients", 9.0}})
        r.metrics.set(name, value);
    }
    return r;
  };
  EXPECT_EQ(why_invalid(good()), "");
  const auto with = [&](const char* name, double value) {
    auto r = good();
    r.metrics.set(name, value);
    return why_invalid(r);
  };
  EXPECT_NE(with("loss", NAN).find("loss of round 2"), std::string::npos);
  EXPECT_NE(with("participants", 9).find("lost"), std::string::npos);
  EXPECT_NE(with("round", 3).find("missing"), std::string::npos);
  EXPECT_NE(with("test_ndcg_50", NAN).find("test_ndcg_50"), std::string::npos);
  EXPECT_NE(with("valid_hr_10", 1.5).find("valid_hr_10"), std::string::npos);
  EXPECT_NE(with("valid_clients", 8).find("valid_clients"), std::string::npos);
  // an interrupted run may owe the evaluation of its last round, a finished one may not
  auto cut = good();
  for (const char* name :
       {"valid_ndcg_50", "test_ndcg_50", "test_hr_50", "valid_clients", "test_clients"})
    cut.metrics.set(name, NAN);
  EXPECT_NE(why_invalid(cut).find("valid_clients"), std::string::npos);
  cut.status = RunStatus::interrupted;
  EXPECT_EQ(why_invalid(cut), "");
  // a mean over nobody is missing; over somebody it must be a number, whichever column it is
  EXPECT_EQ(with("test_ndcg_50_cold", NAN), "");
  auto cold = good();
  cold.metrics.set("test_clients_cold", 2);
  cold.metrics.set("test_ndcg_10_cold", NAN);
  EXPECT_NE(why_invalid(cold).find("test_ndcg_10_cold"), std::string::npos);
}

TEST(Validity, NobodyToMeasureIsNoFault) {
  RunRecord r;
  r.facts["clients"] = 10;
  r.baselines.begin_row();
  r.metrics.begin_row();
  for (const auto& [name, value] : {std::pair{"round", 1.0},
                                    {"loss", 0.5},
                                    {"loss_recommendation", 0.5},
                                    {"participants", 10.0},
                                    {"valid_ndcg_50", NAN},
                                    {"valid_clients", 0.0},
                                    {"test_clients", 0.0}})
    r.metrics.set(name, value);
  for (const char* name : {"valid_clients", "test_clients"}) r.baselines.set(name, 0);
  EXPECT_EQ(why_invalid(r), "");
}

}  // namespace
}  // namespace fedfuse
