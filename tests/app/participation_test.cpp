// A run on simulated devices, as a person starts it: the same bits on other ranks and threads and
// after a restart, what its record says, and files that cannot be used.
#include <gtest/gtest.h>

#include <cmath>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

// Of the place's 60 clients; everybody in the morning, a third in the afternoon.
void write_files() {
  const auto& place = Place::get();
  std::string trace = "client,start,end\n";
  for (int u = 0; u < 60; ++u) trace += cat(u, ",0,", u % 3 == 0 ? 100 : 30, "\n");
  test::write_text(place.file("trace.csv"), trace);
  test::write_text(place.file("classes.csv"),
                   "class,share,sample_seconds,bandwidth\nphone,0.75,0.05,1e4\nhub,0.25,0.01,0\n");
}

std::string train(const std::string& name, const std::string& more) {
  const auto& place = Place::get();
  return cat("train --backbone pfedrec --dim 8 --rounds 4 --fraction 0.4 --data ",
             place.file("data.h5"), " --out ", place.file(name),
             " --client-devices classes --device-classes ", place.file("classes.csv"),
             " --availability trace --availability-trace ", place.file("trace.csv"),
             " --over-select 1.5 --deadline 14 --dropout 0.2 ", more);
}

void expect_same(const std::string& first, const std::string& second) {
  const auto a = h5::File::open(Place::get().file(first)),
             b = h5::File::open(Place::get().file(second));
  for (const char* name :
       {"/metrics/loss", "/metrics/participants", "/clock/simulated_total_s", "/clock/invited",
        "/clock/dropped", "/clock/late", "/clock/wasted_client_s", "/classes/class_deliveries",
        "/classes/class_test_hr_50", "/classes/class_valid_ndcg_50", "/facts/wasted_share"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  EXPECT_EQ(a.read_all<float>("/model/item_table"), b.read_all<float>("/model/item_table"));
}

TEST(Participation, same_bits_on_other_ranks_and_after_a_restart) {
  write_files();
  const auto one = test::fedfuse(train("slow.h5", "--threads 1 --uploads store"));
  ASSERT_EQ(one.code, 0) << one.output;
  const auto many = test::fedfuse_on(3, train("slow3.h5", "--threads 2 --uploads replay"));
  ASSERT_EQ(many.code, 0) << many.output;
  expect_same("slow.h5", "slow3.h5");

  const auto line = "--checkpoint-every 1 ";
  ASSERT_EQ(test::fedfuse(train("slow2.h5", cat(line, "--time-budget 0.001"))).code, 75);
  test::expect_refused(test::fedfuse(train("slow2.h5", "--resume --deadline 13")),
                       "--deadline was 14.0 there and is 13.0 here");
  const auto whole = test::read_text(Place::get().file("trace.csv"));
  test::write_text(Place::get().file("trace.csv"), whole + "3,0,50\n");
  test::expect_refused(test::fedfuse(train("slow2.h5", "--resume")), "are not those of the run");
  test::write_text(Place::get().file("trace.csv"), whole);
  const auto resumed = test::fedfuse_on(2, train("slow2.h5", "--resume"));
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  expect_same("slow.h5", "slow2.h5");
}

TEST(Participation, the_record_says_who_came_when) {
  write_files();
  ASSERT_EQ(test::fedfuse(train("record_slow.h5", "--threads 1")).code, 0);
  const auto file = h5::File::open(Place::get().file("record_slow.h5"));
  const auto column = [&](const char* name) { return file.read_all<double>(cat("/clock/", name)); };
  const auto invited = column("invited"), delivered = column("delivered"),
             dropped = column("dropped"), late = column("late"), took = column("simulated_s"),
             total = column("simulated_total_s"), available = column("available");
  ASSERT_EQ(invited.size(), 4u);
  double sum = 0;
  for (std::size_t r = 0; r < 4; ++r) {
    EXPECT_EQ(invited[r], delivered[r] + dropped[r] + late[r]);
    EXPECT_LE(delivered[r], 24);
    EXPECT_LE(invited[r], std::min(36.0, available[r]));
    EXPECT_NEAR(total[r], sum += took[r], 1e-6);
  }
  for (std::size_t r = 0; r < 4; ++r) {
    const double begin = r == 0 ? 0 : total[r - 1];
    EXPECT_EQ(available[r], std::fmod(begin, 100) < 30 ? 60 : 20) << r;
  }
  const auto clients = file.read_all<double>("/classes/class_clients");
  ASSERT_EQ(clients.size(), 2u);
  EXPECT_EQ(clients[0] + clients[1], 60);
  EXPECT_GT(clients[0], clients[1]);
  // over the classes the mean is that of all clients
  const auto of_class = file.read_all<double>("/classes/class_test_hr_50"),
             evaluated = file.read_all<double>("/classes/class_test_clients");
  const auto best = std::size_t(file.integer("/", "best_round")) - 1;
  EXPECT_NEAR(
      (of_class[0] * evaluated[0] + of_class[1] * evaluated[1]) / (evaluated[0] + evaluated[1]),
      file.read_all<double>("/metrics/test_hr_50")[best], 1e-12);
  const auto info = test::fedfuse(cat("info ", Place::get().file("record_slow.h5")));
  for (const char* part : {"simulated time", "phone, hub", "a model of devices", "deliveries"})
    EXPECT_TRUE(info.says(part)) << part << info.output;
  const auto plain = test::fedfuse(cat("info ", Place::get().file("run.h5")));
  EXPECT_FALSE(plain.says("simulated")) << plain.output;
}

TEST(Participation, bad_files_and_values_are_refused) {
  const auto& place = Place::get();
  write_files();
  test::write_text(place.file("bad_trace.csv"), "client,start,end\n0,0,9\n60,0,9\n");
  test::write_text(place.file("bad_classes.csv"),
                   "class,share,sample_seconds,bandwidth\nphone,0.75,0,0\n");
  const std::string equal = "--client-devices equal ",
                    traced = equal + "--availability trace --availability-trace ",
                    classed = "--client-devices classes --device-classes ";
  const std::vector<std::pair<std::string, std::string>> cases{
      {traced + place.file("bad_trace.csv"), "line 3"},
      {traced + place.file("absent.csv"), "no such file"},
      {traced + place.file("data.h5"), "line"},
      {traced + place.file("empty"), "line 1"},
      {classed + place.file("bad_classes.csv"), "line 2"},
      {classed + place.file("folder"), "folder"},
      {equal + "--availability trace", "without --availability-trace"},
      {equal + "--availability-trace x.csv", "nothing but --availability trace reads it"},
      {"--client-devices classes", "without --device-classes"},
      {"--dropout 0.1", "without --client-devices"},
      {"--deadline 3", "without --client-devices"},
      {"--over-select 2", "without --client-devices"},
      {"--availability diurnal", "without --client-devices"},
      {equal + "--dropout 1", "--dropout"},
      {equal + "--over-select 0.5", "--over-select"},
      {equal + "--deadline -1", "--deadline"},
      {equal + "--sample-seconds 0", "--sample-seconds"},
      {equal + "--bandwidth 0.5", "--bandwidth"},
      {equal + "--device-sigma 6", "--device-sigma"},
      {equal + "--availability-base 0", "--availability-base"},
      {equal + "--availability-amplitude 0.6", "would leave [0, 1]"},
      {equal + "--sample-seconds 1e6", "at most 10^6 s"},
      {equal + "--dropout 0.1 --sampling poisson", "another number comes"},
      {equal + "--deadline 9 --probe-clients 3", "participants of earlier rounds"},
      {equal + "--dropout 0.1 --clip 1 --noise-multiplier 1", "theorem speaks of"}};
  std::vector<test::RefusedLine> lines;
  for (const auto& [more, because] : cases)
    lines.push_back({cat(FEDFUSE_PROGRAM, " train --data ", place.file("data.h5"), " --out ",
                         place.file(cat("never", lines.size(), ".h5")), " ", more),
                     because});
  test::expect_all_refused(lines);
}

}  // namespace
}  // namespace fedfuse
