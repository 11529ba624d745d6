// --device as a person meets it: a run on the emulated device, what its record says, and what is
//   refused.
#include "core/gpu/device.hpp"

#include <gtest/gtest.h>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat(
      "train --backbone fcf --fusion gfmfr --dim 8 --groups 3 --teacher-epochs 1 --rounds 2 "
      "--data ",
      Place::get().file("data.h5"), " --out ", Place::get().file(name), " ", more);
}

TEST(Device, a_run_names_its_device_and_gives_the_same_bits_on_any_ranks) {
  const auto& place = Place::get();
  const auto alone = test::fedfuse(train("device1.h5", "--device emulated")),
             two = test::fedfuse_on(2, train("device2.h5", "--device emulated"));
  ASSERT_EQ(alone.code, 0) << alone.output;
  ASSERT_EQ(two.code, 0) << two.output;
  const auto a = h5::File::open(place.file("device1.h5")),
             b = h5::File::open(place.file("device2.h5"));
  EXPECT_EQ(a.read_all<double>("/metrics/loss"), b.read_all<double>("/metrics/loss"));
  for (const char* name : {"/model/item_table", "/groups/preferences"})
    EXPECT_EQ(a.read_all<float>(name), b.read_all<float>(name)) << name;
  EXPECT_NE(b.text("/", "notes").find("\"device\":\"emulated\""), std::string::npos);
  EXPECT_LE(b.read_all<double>("/facts/device_high_water_bytes").at(0),
            b.read_all<double>("/facts/device_needed_bytes").at(0));
  const auto provenance = b.text("/", "provenance");
  EXPECT_NE(provenance.find("\"ranks_of_uuid\":{\"emulated\":2}"), std::string::npos) << provenance;
  EXPECT_NE(provenance.find("\"ranking\":\"emulated\""), std::string::npos) << provenance;
  EXPECT_NE(provenance.find("\"state\":\"device\""), std::string::npos) << provenance;
  EXPECT_NE(provenance.find("\"driver\":"), std::string::npos) << provenance;
  EXPECT_EQ(a.read_all<double>("/metrics/valid_ndcg_50"),
            b.read_all<double>("/metrics/valid_ndcg_50"));
  EXPECT_NE(provenance.find("\"reduction\":\"mpi on the emulated device's memory\""),
            std::string::npos)
      << provenance;
}

TEST(Device, a_record_says_why_no_device_was_used) {
  if (gpu::count_devices() > 0) GTEST_SKIP() << "there is a device";
  ASSERT_EQ(test::fedfuse(train("auto.h5", "--device auto")).code, 0);
  const auto provenance = h5::File::open(Place::get().file("auto.h5")).text("/", "provenance");
  EXPECT_NE(provenance.find(cat("\"cuda\":\"skipped: ", gpu::why_none())), std::string::npos)
      << provenance;
}

// The teacher's parameters and moments live on the device within a round, and in the checkpoint
// between rounds.
TEST(Device, a_stopped_run_goes_on_with_the_bits_of_one_that_nobody_stopped) {
  const auto& place = Place::get();
  ASSERT_EQ(test::fedfuse(train("unstopped.h5", "--device emulated")).code, 0);
  const auto stopped = test::fedfuse(train("stopped.h5", "--device emulated --time-budget 0.001"));
  ASSERT_EQ(stopped.code, 75) << stopped.output;
  const auto resumed = test::fedfuse_on(2, train("stopped.h5", "--device emulated --resume"));
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  const auto a = h5::File::open(place.file("unstopped.h5")),
             b = h5::File::open(place.file("stopped.h5"));
  for (const char* name : {"/metrics/loss", "/metrics/teacher_loss"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  for (const char* name : {"/model/item_table", "/groups/preferences"})
    EXPECT_EQ(a.read_all<float>(name), b.read_all<float>(name)) << name;
}

TEST(Device, a_checkpoint_of_one_kind_is_not_resumed_on_another) {
  const auto stopped = test::fedfuse(train("kinds.h5", "--device cpu --time-budget 0.001"));
  ASSERT_EQ(stopped.code, 75) << stopped.output;
  test::expect_refused(test::fedfuse(train("kinds.h5", "--device emulated --resume")),
                       "--device was \"cpu\" there and is \"emulated\" here");
}

TEST(Device, what_cannot_be_had_is_refused) {
  test::without_a_trace([] {
    test::expect_refused(test::fedfuse(train("none.h5", "--device abacus")), "--device \"abacus\"");
    if (gpu::count_devices() == 0)
      test::expect_refused(test::fedfuse_on(2, train("none.h5", "--device cuda")),
                           "--device cuda cannot be had on rank 0");
    test::expect_refused(test::fedfuse(train("none.h5", "--device emulated --memory-gib 0.00001")),
                         "has too little memory");
  });
}

#ifdef FEDFUSE_CUDA_STAND_IN
std::string on_machine(const char* machine, const std::string& arguments) {
  return cat("CUDA_STAND_IN=", machine, " LD_PRELOAD=\"", FEDFUSE_CUDA_STAND_IN, "\" ",
             FEDFUSE_PROGRAM, " ", arguments);
}

TEST(Device, a_device_that_cannot_be_used_is_refused_in_a_sentence) {
  const auto asked = [](const char* machine) {
    return on_machine(machine, train(cat("none_", machine, ".h5"), "--device cuda"));
  };
  test::expect_all_refused(
      {{asked("old_driver"), "the driver serves CUDA 11.2, this program needs "},
       {asked("other_chip"), "device 0 has compute capability 7.5, the code is for "},
       {asked("small_memory"), "too little memory"}});
}

TEST(Device, a_device_that_cannot_be_used_is_left_alone_and_the_record_says_why) {
  const std::pair<const char*, const char*> machines[] = {
      {"old_driver", "the driver serves CUDA 11.2, this program needs "},
      {"other_chip", "device 0 has compute capability 7.5, the code is for "}};
  for (const auto& [machine, why] : machines) {
    const auto name = cat(machine, ".h5");
    const auto run = test::shell(on_machine(machine, train(name, "--device auto")));
    ASSERT_EQ(run.code, 0) << run.output;
    const auto provenance = h5::File::open(Place::get().file(name)).text("/", "provenance");
    EXPECT_NE(provenance.find("\"kind\":\"cpu\""), std::string::npos) << provenance;
    EXPECT_NE(provenance.find(why), std::string::npos) << provenance;
  }
}
#endif

}  // namespace
}  // namespace fedfuse
