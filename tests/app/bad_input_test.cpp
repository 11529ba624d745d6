// Every command, given what it cannot use: problem, why, what to do; exit code 2; nothing made,
// nothing lost.
#include <gtest/gtest.h>

#include "core/text.hpp"
#include "results/config_fields.hpp"
#include "tests/app/program.hpp"
#include "tests/results/choice_fields.hpp"

namespace fedfuse {
namespace {

using test::Place;

struct Case {
  std::string arguments, because;
};

// {} in the arguments stands for the folder, # for a number of the case's own. The cases run side
// by side.
void expect_all_refused(const std::string& command, const std::vector<Case>& cases) {
  const auto& place = Place::get();
  const auto filled = [&](std::string line, std::size_t number) {
    for (auto at = line.find("{}"); at != std::string::npos; at = line.find("{}"))
      line.replace(at, 2, place.file("."));
    for (auto at = line.find('#'); at != std::string::npos; at = line.find('#'))
      line.replace(at, 1, std::to_string(number));
    return line;
  };
  std::vector<test::RefusedLine> lines;
  for (const auto& c : cases)
    lines.push_back(
        {filled(cat(FEDFUSE_PROGRAM, " ", command, " ", c.arguments), lines.size()), c.because});
  test::expect_all_refused(lines);
}

TEST(BadInput, words) {
  expect_all_refused("", {{"", "no command"},
                          {"trian", "did you mean train?"},
                          {"--nonsense", "--nonsense"},
                          {"train extra", "extra"}});
}

TEST(BadInput, files_of_train) {
  expect_all_refused("train --out {}/new#.h5",
                     {{"", "needs --data"},
                      {"--data {}/absent.h5", "no such file"},
                      {"--data {}/folder", "folder"},
                      {"--data {}/text.h5", "not an HDF5 file"},
                      {"--data {}/empty", "not an HDF5 file"},
                      {"--data {}/fifo", "it is a pipe"},
                      {"--data /dev/zero", "it is a device"},
                      {"--data {}/cut.h5", "truncated"},
                      {"--data {}/foreign.h5", "not a fedfuse data set"},
                      {"--data {}/run.h5", "not a fedfuse data set"},
                      {"--data {}/later-fedfuse-dataset.h5", "schema version 99"}});
  expect_all_refused("train --data {}/data.h5", {{"", "needs --out"},
                                                 {"--out {}/absent/new.h5", "no folder"},
                                                 {"--out {}/folder", "it is a folder"},
                                                 {"--out {}/run.h5", "--overwrite"},
                                                 {"--out {}/new.json", ".h5"},
                                                 {"--out /dev/full --overwrite", "plain file"}});
}

TEST(BadInput, values_of_train) {
  expect_all_refused("train --data {}/data.h5 --out {}/new#.h5",
                     {{"--unknown 3", "--unknown"},
                      {"--dim abc", "--dim"},
                      {"--dim 0", "--dim 0"},
                      {"--dim 7", "multiple of 4"},
                      {"--rounds 0", "--rounds"},
                      {"--rounds", "--rounds"},
                      {"--fraction 0", "--fraction"},
                      {"--fraction -1", "--fraction"},
                      {"--lr nan", "finite"},
                      {"--seed -1", "--seed"},
                      {"--backbone x", "use one of"},
                      {"--fusion x", "use one of"},
                      {"--views sum sum --fusion fedvlr", "twice"},
                      {"--router uniform --fusion mlp", "there is no router"},
                      {"--router frozen --fusion fedvlr --views gate", "there is no router"},
                      {"--id-embedding off --fusion gfmfr", "nothing would be left"},
                      {"--modalities text", "nothing reads the features"},
                      {"--feature-noise 1", "nothing reads the features"},
                      {"--fusion mlp --lose-features 1", "[0, 1)"},
                      {"--fusion mlp --lose-features nan", "--lose-features"},
                      {"--fusion mlp --feature-noise -1", "[0, 1e6]"},
                      {"--fusion gfmfr --groups 61", "60 clients"},
                      {"--candidates sampled:0", "sampled:N"},
                      {"--candidates sampled:", "sampled:N"},
                      {"--candidates sampled:-1", "sampled:N"},
                      {"--candidates sampled:99999999999999999999", "too large"},
                      {"--candidates Full", "did you mean full?"},
                      {"--candidates sampled:60", "60 items"},
                      {"--eval-clients 61", "60 clients"},
                      {"--threads -1", "--threads"}});
}

TEST(BadInput, privacy_of_train) {
  expect_all_refused("train --data {}/data.h5 --out {}/new#.h5 --fusion mlp",
                     {{"--clip -1", "--clip"},
                      {"--clip 513", "at most 512"},
                      {"--delta 1", "--delta"},
                      {"--noise-multiplier 1", "without --clip"},
                      {"--noise-multiplier 1000 --clip 500", "what the sums hold"},
                      {"--noise-multiplier 0.001 --clip 1", "0.01 and more"},
                      {"--clip 1 --epsilon 1e-9 --delta 1e-6", "cannot be reached"},
                      {"--clip 1 --noise-multiplier 1 --adjacency add-or-remove-one",
                       "Poisson sampling does not hold"},
                      {"--clip 1 --noise-multiplier 1 --backbone fedavg", "has no bound"},
                      {"--clip 1 --device emulated", "--device cpu"},
                      {"--sampling poisson --fusion gfmfr", "fewer participants than groups"},
                      {"--upload-noise laplace --clip 1 --noise-multiplier 1", "after the clip"},
                      {"--upload-noise laplace --fusion gfmfr", "without this noise"},
                      {"--upload-noise laplace --upload-ids dense", "--upload-ids touched"},
                      {"--upload-noise-scale -1", "--upload-noise-scale"},
                      {"--upload-padding 0", "--upload-padding"},
                      {"--probe-clients -1", "--probe-clients"},
                      {"--probe-clients 3 --device emulated", "--device cpu"},
                      {"--attack boost-item --attack-item 60", "60 items"},
                      {"--attack boost-item --backbone fedrap", "sends one row"},
                      {"--attack-share 0", "--attack-share"},
                      {"--trim 0.5", "--trim"},
                      {"--defence row-median --backbone fedavg", "counts clients alike"},
                      {"--defence row-median --fusion gfmfr", "groups' sums"},
                      {"--defence row-median --clip 1 --noise-multiplier 1", "no sum"}});
}

TEST(BadInput, settings_of_train) {
  const auto& place = Place::get();
  test::write_text(place.file("unknown.toml"), "rounds = 3\nlocal_epoch = 2\n");
  test::write_text(place.file("type.toml"), "rounds = \"three\"\n");
  test::write_text(place.file("syntax.toml"), "rounds 3\n");
  test::write_text(place.file("deep.toml"), "rounds = 3\nviews = " + std::string(1 << 20, '['));
  expect_all_refused("train --data {}/data.h5 --out {}/new#.h5",
                     {{"--config {}/absent.toml", "no such file"},
                      {"--config {}/folder", "folder"},
                      {"--config {}/fifo", "it is a pipe"},
                      {"--config {}/deep.toml", "line 2"},
                      {"--config {}/unknown.toml", "did you mean local_epochs?"},
                      {"--config {}/type.toml", "whole number"},
                      {"--config={}/syntax.toml", "line 1"},
                      {"--config {}/data.h5", "data.h5"}});
}

// Every choice, misspelt on the command line and in a TOML file.
TEST(BadInput, choices_of_train) {
  const auto& place = Place::get();
  std::vector<std::string> lines;
  std::vector<std::vector<std::string>> becauses;
  const auto train = cat(FEDFUSE_PROGRAM, " train --data ", place.file("data.h5"), " --out ",
                         place.file("new.h5"), " ");
  const Config standard;
  for_each_field(standard, [&](const ConfigField& field, const auto& member) {
    const auto names = test::names_of(field, member);
    if (names.empty()) return;
    const auto option = test::option_of(field), wrong = names.back() + "x";
    const auto file = place.file(cat(field.name, ".toml")), quoted = cat("\"", wrong, "\"");
    test::write_text(
        file, cat(field.name, " = ", test::is_list(member) ? cat("[", quoted, "]") : quoted, "\n"));
    lines.push_back(cat(train, option, " ", wrong));
    lines.push_back(cat(train, "--config ", file));
    becauses.resize(lines.size(),
                    {cat(option, " ", quoted), cat("did you mean ", names.back(), "?"),
                     cat("use one of: ", joined(names, ", "))});
  });
  EXPECT_EQ(lines.size(), 2 * 38u);
  test::without_a_trace([&] {
    const auto outcomes = test::side_by_side(lines);
    for (std::size_t k = 0; k < lines.size(); ++k) {
      SCOPED_TRACE(lines[k]);
      for (const auto& because : becauses[k]) test::expect_refused(outcomes[k], because);
    }
  });
}

TEST(BadInput, generate) {
  expect_all_refused("generate", {{"", "needs --out"},
                                  {"--out {}/data.h5", "--overwrite"},
                                  {"--out {}/absent/new.h5", "no folder"},
                                  {"--out {}/new#.h5 --users 0", "--users"},
                                  {"--out {}/new#.h5 --items 10", "--items"},
                                  {"--out {}/new#.h5 --users 3 --groups 4", "groups"},
                                  {"--out {}/new#.h5 --missing 2", "missing"},
                                  {"--out {}/new#.h5 --zipf nan", "zipf"},
                                  {"--out {}/new#.h5 --itmes 100", "did you mean --items?"}});
}

TEST(BadInput, evaluate) {
  expect_all_refused("evaluate --model {}/run.h5",
                     {{"", "needs --data"},
                      {"--data {}/absent.h5", "no such file"},
                      {"--data {}/data.h5 --k 0", "from 1"},
                      {"--data {}/data.h5 --k 5,61", "60 items"},
                      {"--data {}/data.h5 --k x", "--k"},
                      {"--data {}/data.h5 --candidates sampled:20", "smaller cutoffs"},
                      {"--data {}/data.h5 --candidates some", "sampled:N"},
                      {"--data {}/data.h5 --cold-items x", "use one of"},
                      {"--data {}/data.h5 --cold-items exlude", "did you mean exclude?"},
                      {"--data {}/data.h5 --out {}/run.json", "--overwrite"}});
  expect_all_refused("evaluate --data {}/data.h5",
                     {{"", "needs --model"},
                      {"--model {}/absent.h5", "no such file"},
                      {"--model {}/data.h5", "not a result"},
                      {"--model {}/cut.h5", "truncated"},
                      {"--model {}/later-fedfuse-result.h5", "schema version 99"}});
}

TEST(BadInput, info_and_table) {
  expect_all_refused("info", {{"", "files"},
                              {"{}/absent.h5", "no such file"},
                              {"{}/text.h5", "not an HDF5 file"},
                              {"{}/foreign.h5", "not a file of fedfuse"},
                              {"{}/later-fedfuse-dataset.h5", "schema version 99"}});
  expect_all_refused("table", {{"", "files"}, {"{}/run.h5 {}/data.h5", "not a result"}});
}

TEST(BadInput, a_model_is_refused_on_another_data_set) {
  const auto& place = Place::get();
  const auto other = place.file("other.h5");
  ASSERT_EQ(test::fedfuse(cat("generate --users 60 --items 61 --out ", other)).code, 0);
  test::without_a_trace([&] {
    test::expect_refused(
        test::fedfuse(cat("evaluate --model ", place.file("run.h5"), " --data ", other)),
        "does not fit");
  });
}

TEST(BadInput, a_loss_that_is_not_finite_names_client_and_round) {
  const auto& place = Place::get();
  const auto outcome =
      test::fedfuse(cat("train --data ", place.file("data.h5"),
                        " --lr 1e30 --rounds 3 --dim 8 --out ", place.file("diverged.h5")));
  EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_TRUE(outcome.says("round") && outcome.says("client") && outcome.says("lower --lr"))
      << outcome.output;
}

}  // namespace
}  // namespace fedfuse
