// Config <-> JSON and TOML, and what is refused.
#include "results/config_text.hpp"

#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "core/error.hpp"
#include "results/config_fields.hpp"
#include "tests/results/choice_fields.hpp"

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
    else if constexpr (std::is_same_v<T, std::vector<View>>)
      member = {View::gate, View::sum};
    else if constexpr (Word<T>)
      test::set_to_another(member);
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

template <class... Members>
std::size_t count(const Members&...) {
  return sizeof...(Members);
}

// A member more than here does not compile.
std::size_t members_of(const Config& config) {
  const auto& [files, model, federation, participation, gfmfr, prior, fedvlr, features, privacy,
               attack, secure, evaluation, device, execution, restart] = config;
  const auto& [f1, f2, f3, f4] = files;
  const auto& [m1, m2, m3, m4, m5, m6, m7, m8, m9] = model;
  const auto& [r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15] = federation;
  const auto& [n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15] = participation;
  const auto& [g1, g2, g3, g4, g5, g6, g7, g8, g9, g10, teacher, distillation] = gfmfr;
  const auto& [t1, t2, t3, t4, t5, t6, t7, t8] = teacher;
  const auto& [d1, d2, d3, d4, d5] = distillation;
  const auto& [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11] = prior;
  const auto& [v1, v2, v3, v4, v5, v6] = fedvlr;
  const auto& [o1, o2, o3, o4] = features;
  const auto& [y1, y2, y3, y4, y5, y6, y7, y8, y9, y10] = privacy;
  const auto& [a1, a2, a3, a4, a5, a6] = attack;
  const auto& [s1, s2, s3, s4, s5, s6, s7] = secure;
  const auto& [e1, e2, e3, e4, e5, e6] = evaluation;
  const auto& [kind] = device;
  const auto& [x1, x2, x3, x4] = execution;
  const auto& [c1, c2, c3] = restart;
  return count(f1, f2, f3, f4) + count(m1, m2, m3, m4, m5, m6, m7, m8, m9) +
         count(r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15) +
         count(n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15) +
         count(g1, g2, g3, g4, g5, g6, g7, g8, g9, g10) + count(t1, t2, t3, t4, t5, t6, t7, t8) +
         count(d1, d2, d3, d4, d5) + count(p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11) +
         count(v1, v2, v3, v4, v5, v6) + count(o1, o2, o3, o4) +
         count(y1, y2, y3, y4, y5, y6, y7, y8, y9, y10) + count(a1, a2, a3, a4, a5, a6) +
         count(s1, s2, s3, s4, s5, s6, s7) + count(e1, e2, e3, e4, e5, e6) + count(kind) +
         count(x1, x2, x3, x4) + count(c1, c2, c3);
}

TEST(ConfigText, the_list_of_fields_is_complete) {
  std::size_t fields = 0;
  const Config config;
  std::set<const void*> seen;
  for_each_field(config, [&](const ConfigField&, const auto& member) {
    ++fields;
    seen.insert(&member);
  });
  EXPECT_EQ(fields, members_of(config));
  EXPECT_EQ(seen.size(), fields) << "a member is listed twice";
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
  EXPECT_EQ(config.model.backbone, "fedrap");
  EXPECT_EQ(config.federation.local_epochs, 3);
  EXPECT_EQ(config.federation.rounds, 1000);
  EXPECT_EQ(config.federation.lr, 1.0);
  EXPECT_EQ(config.federation.lr_items, -0.25);
  EXPECT_EQ(config.fedvlr.views, (std::vector{View::sum, View::gate}));
  EXPECT_TRUE(config.gfmfr.distillation.balance);
  apply_toml(config, "", "empty.toml");
  EXPECT_EQ(config.federation.rounds, 1000);
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

TEST(ConfigText, files_that_are_no_toml_are_named) {
  EXPECT_TRUE(says(refusal("rounds = 1\nviews = " + std::string(16000, '[')), "line 2"));
  EXPECT_TRUE(says(refusal("views = " + std::string(17, '[') + std::string(17, ']')), "deeper"));
  EXPECT_TRUE(says(refusal(std::string("\xFF\xFEr\0", 4)), "UTF-16"));
  EXPECT_TRUE(says(refusal(std::string("rounds = 1\n\0", 12)), "zero byte"));
  std::string many;
  for (int k = 0; k < 2000; ++k) many += "k" + std::to_string(k) + " = 1\n";
  EXPECT_TRUE(says(refusal(many), "line 1001"));
  Config config;
  apply_toml(config, "\xEF\xBB\xBFrounds = 7\n", "settings.toml");
  EXPECT_EQ(config.federation.rounds, 7);
  const auto deep = "{\"views\": " + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_THROW(static_cast<void>(config_from_json(deep)), InputError);
}

// A misspelt choice, in TOML: every field with names, also the rows of a table.
TEST(ConfigText, every_choice_names_what_is_wrong_and_what_is_right) {
  int choices = 0;
  Config config;
  for_each_field(config, [&](const ConfigField& field, auto& member) {
    const auto names = test::names_of(field, member);
    if (names.empty() || field.rows != nullptr) return;  // rows: resolve() looks them up
    ++choices;
    for (const auto& name : names) {
      const auto text = test::is_list(member) ? "[\"" + name + "x\"]" : "\"" + name + "x\"";
      const auto said = refusal(std::string(field.name) + " = " + text);
      EXPECT_TRUE(says(said, "settings.toml: " + test::option_of(field))) << said;
      EXPECT_TRUE(says(said, "\"" + name + "x\"")) << said;
      EXPECT_TRUE(says(said, "did you mean " + name + "?")) << said;
      EXPECT_TRUE(says(said, "use one of: " + joined(names, ", "))) << said;
    }
  });
  EXPECT_EQ(choices, 36);
}

TEST(ConfigText, every_name_of_a_choice_is_read_and_written_back) {
  Config fields;
  for_each_field(fields, [&](const ConfigField& field, auto& member) {
    for (const auto& name : test::names_of(field, member)) {
      const auto value = test::is_list(member) ? "[\"" + name + "\"]" : "\"" + name + "\"";
      const auto line = std::string(field.name) + " = " + value + "\n";
      Config config;
      apply_toml(config, line, "settings.toml");
      EXPECT_TRUE(says("\n" + config_to_toml(config), "\n" + line)) << line;
      EXPECT_EQ(config_from_json(config_to_json(config)), config) << line;
    }
  });
}

}  // namespace
}  // namespace fedfuse
