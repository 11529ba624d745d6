// The identity of a run: what is in it, what is not, and how it is written.
#include "results/identity.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"
#include "results/config_fields.hpp"
#include "results/provenance.hpp"
#include "results/reader.hpp"
#include "results/writer.hpp"
#include "tests/results/synthetic.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

// Every option whose section decides bits changes the hash, and no other option does.
TEST(Identity, every_option_that_decides_bits_is_in_the_configuration) {
  const auto plain = config_hash(Config());
  std::set<std::string> seen{plain};
  Config config;
  for_each_field(config, [&](const ConfigField& field, auto& member) {
    using T = std::remove_reference_t<decltype(member)>;
    if constexpr (std::is_arithmetic_v<T>) {
      const T before = member;
      member = std::is_same_v<T, bool> ? T(!member) : T(member + 3);
      const auto hash = config_hash(config);
      if (decides_bits(field))
        EXPECT_TRUE(seen.insert(hash).second) << field.name;
      else
        EXPECT_EQ(hash, plain) << field.name;
      member = before;
    }
  });
  EXPECT_GT(seen.size(), 20u);
  config.files.out = "other.h5";
  config.files.data = "other_data.h5";
  EXPECT_EQ(config_hash(config), plain);
  config.model.fusion = "mlp";
  EXPECT_NE(config_hash(config), plain);
}

TEST(Identity, the_program_of_both_is_itself_only_when_it_is_one) {
  EXPECT_EQ(program_hash().size(), 64u);
  EXPECT_EQ(program_of_both("a", "a"), "a");
  EXPECT_NE(program_of_both("a", "b"), "a");
  EXPECT_NE(program_of_both("a", "b"), "b");
}

TEST(Identity, is_text_and_back) {
  const Identity identity{.data = "1", .config = "2", .program = "3"};
  EXPECT_EQ(identity_from_json(identity_json(identity), "it"), identity);
  EXPECT_EQ(short_hash("0123456789abcdef"), "0123456789ab");
  EXPECT_EQ(short_hash(""), "not recorded");
}

TEST(Identity, of_a_damaged_file_is_refused) {
  const auto whole = identity_json({.data = "1", .config = "2", .program = "3"});
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    EXPECT_THROW((void)identity_from_json(whole.substr(0, cut), "it"), InputError) << cut;
  for (const char* text : {R"({"data": 1, "config": "2", "program": "3"})",
                           R"({"data": "1", "config": null, "program": "3"})",
                           R"({"data": "1", "program": "3"})", R"(["1", "2", "3"])"})
    EXPECT_THROW((void)identity_from_json(text, "it"), InputError) << text;
}

TEST(Identity, is_in_the_result_and_in_its_twin) {
  const auto comm = Comm::self();
  const test::TemporaryFolder folder(comm);
  const auto data = test::synthetic_data(comm, test::Deal::round_robin);
  auto run = test::synthetic_run("fcf", "none", 0, data, comm);
  run.record.identity = {.data = "1", .config = "2", .program = "3"};
  const auto path = folder.file("run.h5");
  write_result(path, run.record, run.spec, run.global, run.state, data, comm);
  EXPECT_EQ(read_summary(path).record.identity, run.record.identity);
  std::ifstream in(folder.file("run.json"));
  EXPECT_EQ(nlohmann::json::parse(in).at("identity").at("config"), "2");
}

TEST(Identity, a_model_is_not_used_on_other_data) {
  const auto comm = Comm::self();
  const test::SmallData small;
  const auto data = small.alone();
  const auto identity = identity_of(Config(), data, comm);
  EXPECT_NO_THROW(check_same_data("m.h5", identity, data, comm));
  EXPECT_THROW(check_same_data("m.h5", {}, data, comm), InputError);
  auto other = data;
  other.image(3, 3) += 1.0f;
  EXPECT_THROW(check_same_data("m.h5", identity, other, comm), InputError);
}

}  // namespace
}  // namespace fedfuse
