// A run from end to end: what train records, evaluate finds again, and the documents say what the
// files hold.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "results/schema.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

const std::string& full_run() {
  static const std::string path = [] {
    const auto& place = Place::get();
    auto run = place.file("full.h5");
    const auto outcome =
        test::fedfuse_on(2, cat("train --backbone fedrap --fusion fedvlr+gfmfr --rounds 3 --dim 8 "
                                "--groups 3 --teacher-epochs 2 --data ",
                                place.file("data.h5"), " --out ", run));
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return run;
  }();
  return path;
}

TEST(Run, every_name_in_the_file_is_in_the_schema) {
  const auto file = h5::File::open(full_run());
  const auto known = [](Section section, const std::string& name) {
    return find_field(section, name) != nullptr;
  };
  for (const auto& name : file.children("/facts")) EXPECT_TRUE(known(Section::facts, name)) << name;
  for (const auto& name : file.children("/metrics"))
    EXPECT_TRUE(known(Section::metrics, name)) << name;
  for (const auto& name : file.children("/baselines"))
    EXPECT_TRUE(known(Section::metrics, name)) << name;
  for (const auto& name : file.children("/time"))
    EXPECT_TRUE(name == "round" || known(Section::time, name)) << name;
  for (const auto& name : file.children("/traffic"))
    EXPECT_TRUE(known(Section::traffic, name)) << name;
  for (const auto& name : file.children("/work")) EXPECT_TRUE(known(Section::work, name)) << name;
  const std::vector<std::string> arrays{"embeddings", "of_client_by_round", "preferences"};
  for (const auto& name : file.children("/groups"))
    EXPECT_TRUE(known(Section::groups, name) || std::ranges::count(arrays, name) == 1) << name;
  for (const auto& name : arrays) EXPECT_TRUE(file.has("/groups/" + name)) << name;
  const auto notes = nlohmann::json::parse(file.text("/", "notes"));
  for (const auto& [name, text] : notes.items()) EXPECT_TRUE(known(Section::notes, name)) << name;
  EXPECT_EQ(file.shape("/groups/of_client_by_round"), (std::vector<std::int64_t>{3, 60}));
}

// The groups hold all clients once, and their mean is that of the quoted round.
TEST(Run, clients_apart_by_their_activity) {
  const auto file = h5::File::open(full_run());
  const auto column = [&](const std::string& name) {
    return file.read_all<double>("/activity/activity_" + name);
  };
  const auto clients = column("clients"), evaluated = column("test_clients"),
             hr = column("test_hr_50"), least = column("least"), most = column("most");
  double all = 0, hits = 0, of = 0;
  for (std::size_t g = 0; g < clients.size(); ++g) {
    all += clients[g];
    of += evaluated[g];
    hits += evaluated[g] > 0 ? evaluated[g] * hr[g] : 0.0;
    if (g > 0) {
      EXPECT_GT(least[g], most[g - 1]);
    }
  }
  EXPECT_EQ(all, 60);
  const auto best = std::size_t(file.integer("/", "best_round")) - 1;
  EXPECT_NEAR(hits / of, file.read_all<double>("/metrics/test_hr_50")[best], 1e-12);
  EXPECT_TRUE(test::fedfuse("info " + full_run()).says("training interactions: "));
}

// A row a rank. What ranks gave to sums and gathers is what /traffic holds of all rounds.
TEST(Run, what_each_rank_did) {
  const auto file = h5::File::open(full_run());
  const auto column = [&](const std::string& name) {
    return file.read_all<double>("/work/work_" + name);
  };
  const auto total = [](const Array<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  EXPECT_EQ(column("rank"), (Array<double>{0, 1}));
  EXPECT_EQ(column("rounds"), (Array<double>{3, 3}));
  EXPECT_EQ(total(column("turns")), 3 * 60);
  EXPECT_EQ(total(column("sum_bytes")) + total(column("reduce_scatter_bytes")),
            total(file.read_all<double>("/traffic/moved_sum")));
  EXPECT_EQ(total(column("gather_bytes")) + total(column("exchange_bytes")) +
                total(column("broadcast_bytes")),
            total(file.read_all<double>("/traffic/moved_gather")));
  for (const auto* name : {"training_flop", "teacher_flop", "views_flop", "evaluation_flop",
                           "decoded", "array_bytes", "sent_bytes"})
    EXPECT_GT(total(column(name)), 0) << name;
  EXPECT_TRUE(test::fedfuse("info " + full_run()).says("work of a rank"));
}

// d = 8, features of 64: a branch of D and two of features, the views mlp and gate above them.
TEST(Run, what_encoders_cost_where_they_run) {
  const auto file = h5::File::open(full_run());
  const auto fact = [&](const std::string& name) {
    return file.read_all<double>("/facts/" + name).front();
  };
  const auto data = h5::File::open(Place::get().file("data.h5"));
  const auto width = data.shape("/items/text")[1] + data.shape("/items/image")[1];
  const double d = 8, encoders = d * (d + double(width)), above = 14 * d * d,
               an_item = 2 * (3 * encoders + 4 * above + d * d);
  EXPECT_EQ(fact("encoder_flops_server"), fact("items") * an_item);
  EXPECT_NEAR(fact("encoder_flops_client"),
              5 * 5 * fact("train_interactions") / fact("clients") * an_item, 1e-6 * an_item);
  EXPECT_GT(fact("encoder_parameters"), encoders + above);
}

TEST(Run, readme_documents_the_datasets_of_the_model) {
  const auto readme = test::read_text(FEDFUSE_SOURCE_DIR "/results/README.md");
  for (auto name : h5::File::open(full_run()).children("/model")) {
    if (name.starts_with("view_")) name = "view_{sum,mlp,gate}";
    EXPECT_NE(readme.find("`" + name + "`"), std::string::npos) << name;
  }
}

TEST(Run, evaluate_finds_what_train_recorded) {
  const auto& place = Place::get();
  const auto file = h5::File::open(full_run());
  const auto row = std::size_t(file.integer("/", "model_round") - 1);
  const auto json_path = place.file("evaluated.json");
  const auto outcome =
      test::fedfuse_on(3, cat("evaluate --model ", full_run(), " --data ", place.file("data.h5"),
                              " --k 50,10,20,1 --out ", json_path));
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  const auto json = nlohmann::json::parse(test::read_text(json_path));
  for (const char* split : {"valid", "test"})
    for (const auto& [metric, k, at] :
         {std::tuple{"hr", 10, 1}, {"hr", 50, 0}, {"ndcg", 20, 2}, {"ndcg", 50, 0}})
      EXPECT_EQ(json[split]["all"][metric][std::size_t(at)].get<double>(),
                file.read_all<double>(cat("/metrics/", split, "_", metric, "_", k)).at(row))
          << split << metric << k;
  // HR@1 <= HR@10
  EXPECT_LE(json["test"]["all"]["hr"][3].get<double>(), json["test"]["all"]["hr"][1].get<double>());
}

TEST(Run, info_and_table_say_what_it_is) {
  const auto& place = Place::get();
  const auto info = test::fedfuse(cat("info ", full_run(), " ", place.file("data.h5")));
  EXPECT_EQ(info.code, 0) << info.output;
  for (const char* part :
       {"fedrap + fedvlr+gfmfr", "60 clients", "best round", "popularity", "cold-first",
        "peak memory", "2 ranks", "data set \"planted\"", "8 wide"})
    EXPECT_TRUE(info.says(part)) << part << " in " << info.output;
  const auto table = test::fedfuse_on(2, cat("table ", full_run(), " ", place.file("run.h5")));
  EXPECT_EQ(table.code, 0) << table.output;
  for (const char* part :
       {"HR@50", "NDCG@50", "client-rounds/s", "down", "up", "fedvlr+gfmfr", "full.h5", "run.h5"})
    EXPECT_TRUE(table.says(part)) << part << " in " << table.output;
}

// It diverges in its second round; the model after the first is kept, and every reader refuses the
// file as a result.
TEST(Run, every_command_calls_an_invalid_run_so) {
  const auto& place = Place::get();
  const auto out = place.file("invalid.h5");
  const auto trained = test::fedfuse(
      cat("train --data ", place.file("data.h5"),
          " --rounds 8 --dim 8 --item-update mean --lr 0.5 --lr-items 1e6 --out ", out));
  ASSERT_EQ(trained.code, 2) << trained.output;
  ASSERT_TRUE(trained.says("the model after round 1 is kept")) << trained.output;
  for (const auto& line : {cat("info ", out), cat("table ", out),
                           cat("evaluate --model ", out, " --data ", place.file("data.h5"))}) {
    const auto outcome = test::fedfuse(line);
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_TRUE(outcome.says("INVALID")) << line << ": " << outcome.output;
  }
}

// All blocks of Python of a page, one after the other.
std::string python_of(const std::string& page) {
  const std::string opening = "```python\n";
  std::string lines;
  for (auto at = page.find(opening); at != std::string::npos; at = page.find(opening, at)) {
    at += opening.size();
    lines += page.substr(at, page.find("```", at) - at);
  }
  return lines;
}

// The page's top(client, n) without the validation item must give HR@10 of the result.
constexpr const char* top_lists_give_the_recorded_hr = R"(
valid, test = data["split/valid"][:], data["split/test"][:]
hits = []
for client in np.flatnonzero(test >= 0):
    first = [item for item in top(client, 11) if item != valid[client]][:10]
    hits.append(test[client] in first)
recorded = run["metrics/test_hr_10"][run.attrs["model_round"] - 1]
assert abs(np.mean(hits) - recorded) < 1e-9, (np.mean(hits), recorded)
)";

// The lines that results/README.md shows must work as they stand.
TEST(Run, the_lines_of_python_in_the_readme_work) {
  const auto& place = Place::get();
  const std::string python =
      test::shell("/usr/bin/python3 -c \"import h5py\"").code == 0 ? "/usr/bin/python3" : "python3";
  if (test::shell(python + " -c \"import h5py\"").code != 0) GTEST_SKIP() << "no h5py";
  auto lines = python_of(test::read_text(FEDFUSE_SOURCE_DIR "/results/README.md"));
  lines += top_lists_give_the_recorded_hr;
  test::write_text(place.file("readme.py"), lines);
  const auto outcome = test::shell(cat("cd ", place.file("."), " && ", python, " readme.py"));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(outcome.says("none ") && outcome.says("valid_ndcg_50 1 ")) << outcome.output;
}

}  // namespace
}  // namespace fedfuse
