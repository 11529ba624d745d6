// Options, the TOML file and --dump-config say the same.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/text.hpp"
#include "results/config_fields.hpp"
#include "results/config_text.hpp"
#include "tests/app/program.hpp"
#include "tests/results/choice_fields.hpp"

namespace fedfuse {
namespace {

using test::Place;

Config dumped(const std::string& arguments) {
  const auto outcome = test::fedfuse(cat("train ", arguments, " --dump-config"));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  Config config;
  apply_toml(config, outcome.output, "dump");
  return config;
}

// The line of the help about an option. What frames a default is CLI11's: 2.3 has INT=64, 2.4 has
// INT [64].
std::string help_line(const std::string& help, const std::string& option) {
  const auto from = help.find(option);
  return from == std::string::npos ? "" : help.substr(from, help.find('\n', from) - from);
}

TEST(Options, help_names_every_field_with_its_default) {
  const auto outcome = test::fedfuse("train --help");
  EXPECT_EQ(outcome.code, 0);
  const Config standard;
  for_each_field(standard, [&](const ConfigField& field, const auto&) {
    std::string option = cat("--", field.name);
    std::ranges::replace(option, '_', '-');
    EXPECT_TRUE(outcome.says(option + " ") || outcome.says(option + "\n")) << option;
  });
  for (const auto& [option, value] : {std::pair{"--dim INT", "64"}, {"--server-lr FLOAT", "0.003"}})
    EXPECT_NE(help_line(outcome.output, option).find(value), std::string::npos) << option;
  for (const char* part : {"(d)", "[epochs]", "fedavg|fcf|fedncf|pfedrec|fedrap",
                           "{full|sampled:N}", "{sum|mlp|gate}"})
    EXPECT_TRUE(outcome.says(part)) << part;
  EXPECT_TRUE(outcome.says(cat("{", joined(Names<std::optional<HeadKind>>::all(), "|"), "}")));
  EXPECT_EQ(test::fedfuse("--help").code, 0);
  for (const char* command : {"generate", "import", "evaluate", "info", "table"})
    EXPECT_EQ(test::fedfuse(cat(command, " --help")).code, 0) << command;
  EXPECT_TRUE(outcome.says("--isa ") && test::fedfuse("--help").says("--isa "));
}

TEST(Options, version_says_the_commit_and_the_build) {
  const auto outcome = test::fedfuse("--version");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(outcome.says("fedfuse ") && outcome.says("commit")) << outcome.output;
  for (const char* part :
       {"\n  target ", "\n  compiler ", "\n  flags ", "\n  instruction set ", "\n  MPI ",
        "\n  HDF5 ", "\n  CUDA ", "\n  NCCL ", "\n  identity of program "})
    EXPECT_TRUE(outcome.says(part)) << part << outcome.output;
}

TEST(Options, without_any_they_are_the_defaults) { EXPECT_EQ(dumped(""), Config()); }

// Every option is given once, with a value unlike its default, and must arrive in its own field.
TEST(Options, every_option_sets_its_field) {
  Config config;
  std::string line;
  for_each_field(config, [&](const ConfigField& field, auto& member) {
    using T = std::remove_reference_t<decltype(member)>;
    std::string option = cat(" --", field.name), value;
    std::ranges::replace(option, '_', '-');
    if constexpr (std::is_same_v<T, bool>)
      member = !member;
    else if constexpr (std::is_same_v<T, std::string>) {
      member = std::string(field.name) + "_x";
      value = member;
    } else if constexpr (Word<T>) {
      test::set_to_another(member);
      value = text_of(member);
    } else if constexpr (std::is_same_v<T, std::vector<View>>) {
      member = {View::gate, View::sum};
      value = "gate sum";
    } else {
      member = T(member + T(3));
      value = cat(member);
    }
    line += cat(option, " ", value);
  });
  EXPECT_EQ(dumped(line), config);
}

TEST(Options, a_dump_read_back_is_the_same_and_the_line_wins_over_the_file) {
  const auto& place = Place::get();
  const std::string line =
      "--backbone fedrap --fusion gfmfr --lr 0.05 --views sum,gate --distill-balance --data "
      "some.h5 --seed 18446744073709551615";
  const auto first = test::fedfuse(cat("train ", line, " --dump-config"));
  test::write_text(place.file("dump.toml"), first.output);
  const auto second =
      test::fedfuse(cat("train --config ", place.file("dump.toml"), " --dump-config"));
  EXPECT_EQ(first.output, second.output);
  auto config = dumped(line);
  config.federation.rounds = 7;
  config.model.backbone = "fcf";
  EXPECT_EQ(dumped(cat("--rounds 7 --config=", place.file("dump.toml"), " --backbone fcf")),
            config);
  test::write_text(place.file("dashes.toml"), "local-epochs = 9\nlr_items = 2\n");
  EXPECT_EQ(dumped(cat("--config ", place.file("dashes.toml"))).federation.local_epochs, 9);
}

TEST(Options, a_preset_gives_values_and_what_is_given_wins) {
  const auto& place = Place::get();
  const std::string same =
      "--backbone pfedrec --item-update mean --dim 32 --init-std 1 --lr 0.1 --lr-items 13456 "
      "--local-epochs 1 --negatives own-all --candidates sampled:99 --rounds 100";
  EXPECT_EQ(dumped("--preset pfedrec-paper"), dumped(same));
  EXPECT_EQ(dumped("--rounds 3 --preset=pfedrec-paper --dim 8"),
            dumped(cat(same, " --rounds 3 --dim 8")));
  test::write_text(place.file("wins.toml"), "dim = 16\nrounds = 9\n");
  EXPECT_EQ(dumped(cat("--preset pfedrec-paper --rounds 4 --config ", place.file("wins.toml"))),
            dumped(cat(same, " --dim 16 --rounds 4")));
  const auto list = test::fedfuse("train --preset list");
  EXPECT_EQ(list.code, 0);
  EXPECT_TRUE(list.says("# pfedrec-paper") && list.says("lr_items = 13456")) << list.output;
  EXPECT_EQ(dumped("--preset gfmfr-paper --backbone fedrap"),
            dumped("--fusion gfmfr --item-update mean --negatives lowest-ids --teacher-epochs 50 "
                   "--distill 0.5 --teacher-batches pairs --pca-variance 0.95 "
                   "--lr-items-decay 0.9 --lr-decay 0.8 --rounds 100 --backbone fedrap"));
  EXPECT_EQ(dumped("--preset fedvlr-paper"),
            dumped("--fusion fedvlr --negatives trained-items --view-norm none --missing-as mean "
                   "--rounds 100"));
  EXPECT_TRUE(test::fedfuse("train --help").says("{pfedrec-paper|gfmfr-paper|fedvlr-paper|list}"));
  test::expect_refused(test::fedfuse("train --preset pfedrek-paper --data a.h5 --out b.h5"),
                       "did you mean pfedrec-paper?");
}

TEST(Options, the_last_of_a_repeated_option_counts) {
  EXPECT_EQ(dumped("--data a --backbone fcf --fusion none --rounds 3 --seed 1 --out b --data c "
                   "--backbone fedrap --fusion mlp --rounds 4 --seed 2 --out d"),
            dumped("--data c --backbone fedrap --fusion mlp --rounds 4 --seed 2 --out d"));
}

}  // namespace
}  // namespace fedfuse
