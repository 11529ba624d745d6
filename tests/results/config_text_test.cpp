// Config <-> JSON and TOML, and what is refused.
#include "results/config_text.hpp"

#include <gtest/gtest.h>

#include <map>
#include <type_traits>

#include "core/error.hpp"
#include "results/config_fields.hpp"
#include "results/record.hpp"

namespace fedfuse {
namespace {

// Every field unlike its default, so that one that is not written or not read shows.
Config changed() {
  Config config;
  for_each_field(config, [&](const ConfigField& field, auto& member) {
    using T = std::remove_reference_t<decltype(member)>;
    if constexpr (std::is_same_v<T, bool>)
      member = !member;
    else if constexpr (std::is_same_v<T, std::string>)
      member = std::string(field.name) + " \"quoted\\\" #1, [x] 'y' \t \xc3\xa9";
    else if constexpr (std::is_same_v<T, std::vector<std::string>>)
      member = {"gate", "sum"};
    else if constexpr (std::is_same_v<T, std::uint64_t>)
      member = 18446744073709551615u;
    else
      member = T(member * 3 + T(1) / T(3) + 7);
  });
  return config;
}

std::string refusal(const std::string& toml) {
  Config config;
  try {
    apply_toml(config, toml, "settings.toml");
  } catch (const InputError& e) {
    return e.what();
  }
  ADD_FAILURE() << "accepted: " << toml;
  return "";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ConfigText, the_list_of_fields_is_complete) {
  // A field that the list does not have cannot differ after a round trip: count bytes of the
  // struct's members instead.
  std::size_t bytes = 0;
  const Config config;
  for_each_field(config, [&](const ConfigField&, const auto& member) {
    bytes += std::is_same_v<std::remove_cvref_t<decltype(member)>, bool> ? 8 : sizeof member;
  });
  EXPECT_GE(bytes, sizeof(Config));
  EXPECT_LE(bytes, sizeof(Config) + 16);
}

TEST(ConfigText, json_round_trip_keeps_every_field) {
  const auto config = changed();
  EXPECT_EQ(config_from_json(config_to_json(config)), config);
  EXPECT_NE(config_from_json(config_to_json(config)), Config());
}

TEST(ConfigText, toml_round_trip_keeps_every_field) {
  const auto config = changed();
  Config read;
  apply_toml(read, config_to_toml(config), "dump");
  EXPECT_EQ(read, config);
}

TEST(ConfigText, toml_as_people_write_it) {
  Config config;
  apply_toml(config,
             "# a comment\n"
             "backbone = 'fedrap'   # literal\n"
             "local-epochs = 3\n"
             "rounds=1_000\r\n"
             "lr = 1\n"
             "lr_items = -2.5e-1\n"
             "views = [ \"sum\",  # first\n  'gate',\n]\n"
             "distill_balance = true",
             "settings.toml");
  EXPECT_EQ(config.backbone, "fedrap");
  EXPECT_EQ(config.local_epochs, 3);
  EXPECT_EQ(config.rounds, 1000);
  EXPECT_EQ(config.lr, 1.0);
  EXPECT_EQ(config.lr_items, -0.25);
  EXPECT_EQ(config.views, (std::vector<std::string>{"sum", "gate"}));
  EXPECT_TRUE(config.distill_balance);
  apply_toml(config, "", "empty.toml");
  EXPECT_EQ(config.rounds, 1000);
}

TEST(ConfigText, mistakes_are_named) {
  EXPECT_TRUE(says(refusal("rounds = 3\nlocal_epoch = 3\n"), "\"local_epoch\"") &&
              says(refusal("local_epoch = 3"), "did you mean local_epochs?"));
  EXPECT_TRUE(says(refusal("rounds = 3.5"), "whole number"));
  EXPECT_TRUE(says(refusal("rounds = \"3\""), "whole number"));
  EXPECT_TRUE(says(refusal("seed = -1"), ">= 0"));
  EXPECT_TRUE(says(refusal("rounds = 99999999999999999999"), "too large"));
  EXPECT_TRUE(says(refusal("backbone = 3"), "text in quotes"));
  EXPECT_TRUE(says(refusal("overwrite = 1"), "true or false"));
  EXPECT_TRUE(says(refusal("views = [1]"), "list of texts"));
  EXPECT_TRUE(says(refusal("a b\n"), "line 1"));
  EXPECT_TRUE(says(refusal("\n\nrounds = \n"), "line 3"));
  EXPECT_TRUE(says(refusal("rounds = 3 4"), "something follows"));
  EXPECT_TRUE(says(refusal("rounds = 3\nrounds = 4"), "twice"));
  EXPECT_TRUE(says(refusal("[train]\nrounds = 3"), "no tables"));
  EXPECT_TRUE(says(refusal("backbone = \"fcf"), "closing quote"));
  EXPECT_TRUE(says(refusal("backbone = fcf"), "quotes"));
  EXPECT_TRUE(says(refusal("lr = nan"), "no number"));
  EXPECT_TRUE(says(refusal("views = [\"sum\""), "line"));
  EXPECT_TRUE(says(refusal("backbone = \"\"\"fcf\"\"\""), "several lines"));
  EXPECT_THROW(static_cast<void>(config_from_json("[1")), InputError);
}

TEST(ConfigText, nearest_word) {
  EXPECT_EQ(nearest_word("fusoin", {"fusion", "backbone"}), "fusion");
  EXPECT_EQ(nearest_word("xyz", {"fusion", "backbone"}), "");
}

}  // namespace
}  // namespace fedfuse
