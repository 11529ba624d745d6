// model: the tables, the layouts, and what a configuration resolves to.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/error.hpp"
#include "model/init.hpp"
#include "model/spec.hpp"

namespace fedfuse {
namespace {

ModelSpec spec_of(const std::string& backbone, const std::string& fusion,
                  std::optional<HeadKind> head = {}) {
  Config c;
  c.model.backbone = backbone;
  c.model.fusion = fusion;
  c.model.head = head;
  return resolve(c);
}

TEST(Layout, SizesOfThePapers) {
  EXPECT_EQ(head_layout(HeadKind::linear, 64).theta, 65);
  EXPECT_EQ(head_layout(HeadKind::mlp, 64).theta, 2 * 64 * 64 + 64 + 64 + 1);
  EXPECT_EQ(head_layout(HeadKind::mlp, 64).user, 64);
  EXPECT_EQ(head_layout(HeadKind::neumf, 64).theta,
            128 * 64 + 64 + 64 * 32 + 32 + 32 * 16 + 16 + (16 + 64) + 1);
  EXPECT_EQ(head_layout(HeadKind::neumf, 64).item_width, 128);
  EXPECT_EQ(router_layout(3, 64).size, 12547);  // models.md section 4
}

// Offsets lie in the vectors, initial values are finite and the same for the same client.
TEST(Layout, EveryHeadOfTheTable) {
  ASSERT_EQ(all_heads().size(), choice_names<HeadKind>.size());
  for (const auto kind : all_heads())
    for (const int d : {4, 12, 64}) {
      const auto h = head_layout(kind, d);
      EXPECT_EQ(h.kind, kind);
      EXPECT_TRUE(h.item_width == d || h.item_width == 2 * d) << kind;
      EXPECT_TRUE(h.linear_part || h.hidden_part) << kind;
      EXPECT_EQ(h.hidden_part, head_tower_flops(h) > 0) << kind;
      EXPECT_LE(h.last_w + h.last_width, h.theta) << kind;
      if (h.hidden_part) {
        EXPECT_GE(h.user, d) << kind;
        EXPECT_LE(h.first_item + (d - 1) * h.first_stride + d, h.theta) << kind;
      }
      if (h.linear_user >= 0) {
        EXPECT_LE(h.linear_user + d, h.user) << kind;
      }
      std::vector<float> theta(std::size_t(h.theta), NAN), again = theta;
      init_head(theta, h, 5, 3);
      init_head(again, h, 5, 3);
      EXPECT_EQ(theta, again) << kind;
      for (const float x : theta) EXPECT_TRUE(std::isfinite(x)) << kind;
    }
}

TEST(Spec, AblationsThatNothingWouldNoticeAreRefused) {
  const auto with = [](const std::string& fusion, const auto& change) {
    Config c;
    c.model.fusion = fusion;
    change(c);
    return resolve(c);
  };
  const auto frozen = [](Config& c) { c.fedvlr.router = RouterWeights::frozen; };
  const auto no_id = [](Config& c) { c.fedvlr.id_embedding = IdEmbedding::off; };
  const auto text = [](Config& c) { c.features.modalities = Modalities::text; };
  for (const auto* fusion : {"none", "mlp", "gfmfr", "group-prior"})
    EXPECT_THROW(with(fusion, frozen), InputError) << fusion;
  EXPECT_THROW(with("fedvlr",
                    [&](Config& c) {
                      frozen(c);
                      c.fedvlr.views = {View::sum};
                    }),
               InputError);
  for (const auto* fusion : {"none", "gfmfr", "group-prior"})
    EXPECT_THROW(with(fusion, no_id), InputError) << fusion;
  EXPECT_THROW(with("none", text), InputError);
  for (const auto* fusion : {"mlp", "gfmfr", "group-prior", "fedvlr"})
    EXPECT_NO_THROW(with(fusion, text)) << fusion;
  EXPECT_NO_THROW(with("fedvlr", frozen));
  EXPECT_NO_THROW(with("mlp+gfmfr", no_id));
}

TEST(Spec, RowsOfTheTable) {
  EXPECT_FALSE(spec_of("fcf", "none").shares_head);
  EXPECT_TRUE(spec_of("fedavg", "none").shares_head);
  EXPECT_TRUE(spec_of("fedavg", "none").backbone.weighs_by_samples);
  EXPECT_EQ(spec_of("fedncf", "none").head.kind, HeadKind::neumf);
  EXPECT_EQ(spec_of("fedncf", "none").view_width, 128);
  EXPECT_EQ(spec_of("fedncf", "fedvlr").view_width, 64);  // z feeds both halves
  EXPECT_EQ(spec_of("fedncf", "gfmfr").head.kind, HeadKind::mlp);
  EXPECT_EQ(spec_of("fedrap", "none").head.kind, HeadKind::linear);
  EXPECT_FALSE(spec_of("fedrap", "none").shares_head);
  EXPECT_EQ(spec_of("fedrap", "gfmfr").head.kind, HeadKind::mlp);
  EXPECT_TRUE(spec_of("fedrap", "gfmfr").shares_head);
  EXPECT_TRUE(spec_of("pfedrec", "none").has_overlay());
  EXPECT_FALSE(spec_of("pfedrec", "mlp").has_overlay());  // fixed views: nothing is fine-tuned
  EXPECT_FALSE(spec_of("fcf", "fedvlr").has_second_pass());
  EXPECT_TRUE(spec_of("fcf", "gfmfr").has_second_pass());
  EXPECT_TRUE(spec_of("pfedrec", "none").has_second_pass());
  EXPECT_EQ(spec_of("fcf", "none").most_groups, 0);
  EXPECT_EQ(spec_of("fcf", "gfmfr").most_groups, GfmfrOptions{}.groups);
  EXPECT_EQ(spec_of("fcf", "fedvlr").views, 3);
  EXPECT_EQ(spec_of("fcf", "mlp").views, 1);
  EXPECT_FALSE(spec_of("fcf", "mlp").rows_trained);
}

TEST(Spec, RefusesPartsThatDoNotFit) {
  EXPECT_THROW(spec_of("foo", "none"), InputError);
  EXPECT_THROW(spec_of("fcf", "foo"), InputError);
  EXPECT_THROW(spec_of("fcf", "gfmfr", HeadKind::neumf), InputError);
  EXPECT_THROW(spec_of("fedrap", "none", HeadKind::neumf), InputError);
}

TEST(Spec, RefusesWhatTheDataForbid) {
  Config c;
  c.evaluation.candidates = {Candidates::Kind::sampled, 99};
  EXPECT_NO_THROW(validate_against_data(c, 4, 100, 1));
  EXPECT_THROW(validate_against_data(c, 4, 99, 1), InputError);  // nothing is left to sample
  c = {};
  c.model.fusion = "gfmfr";
  EXPECT_THROW(validate_against_data(c, 4, 100, 1), InputError);    // more groups than clients
  EXPECT_THROW(validate_against_data(c, 10, 100, 11), InputError);  // more ranks than clients
  EXPECT_THROW(validate_against_data(c, 10, 49, 1), InputError);    // K > items
  EXPECT_NO_THROW(validate_against_data(c, 10, 50, 10));
  c.model.fusion = "fedvlr";
  EXPECT_NO_THROW(validate_against_data(c, 4, 100, 1));  // no teacher, no groups
  c.model.fusion = "group-prior";
  EXPECT_THROW(validate_against_data(c, 19, 100, 1), InputError);  // more groups than clients
  EXPECT_NO_THROW(validate_against_data(c, 20, 100, 1));
  c.federation.fraction = 0.2;
  EXPECT_THROW(validate_against_data(c, 20, 100, 1),
               InputError);  // 4 clients, and 5 the least mass
  EXPECT_NO_THROW(validate_against_data(c, 25, 100, 1));
}

// A misspelt row: named, with the nearest row and all rows.
TEST(Spec, RefusesRowsThatTheTablesDoNotHave) {
  const auto refusal = [](const std::string& backbone, const std::string& fusion) {
    try {
      (void)spec_of(backbone, fusion);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  const auto backbone = refusal("fedprec", "none"), fusion = refusal("fcf", "fedvrl");
  for (const char* part : {"--backbone \"fedprec\"", "did you mean pfedrec?",
                           "use one of: fedavg, fcf, fedncf, pfedrec, fedrap"})
    EXPECT_NE(backbone.find(part), std::string::npos) << backbone;
  for (const char* part : {"--fusion \"fedvrl\"", "did you mean fedvlr?",
                           "use one of: none, mlp, gfmfr, fedvlr, fedvlr+gfmfr, mlp+gfmfr"})
    EXPECT_NE(fusion.find(part), std::string::npos) << fusion;
}

TEST(Init, DependsOnNothingButItsCounters) {
  Matrix<float> small(20, 8), large(40, 8);
  init_normal(small, 5, Purpose::item_table, 0.01);
  init_normal(large, 5, Purpose::item_table, 0.01);
  EXPECT_TRUE(std::equal(small.values.begin(), small.values.end(), large.values.begin()));
  double squares = 0;
  for (const float x : large.values) squares += double(x) * x;
  EXPECT_NEAR(std::sqrt(squares / double(large.size())), 0.01, 0.002);
  const auto layout = head_layout(HeadKind::mlp, 16);
  std::vector<float> theta(std::size_t(layout.theta), NAN);
  init_head(theta, layout, 5, 0);
  const std::set<float> distinct(theta.begin(), theta.begin() + layout.b1);
  EXPECT_GT(distinct.size(), std::size_t(layout.b1) * 9 / 10);
  EXPECT_EQ(theta[std::size_t(layout.b1)], 0.0f);
  EXPECT_EQ(theta[std::size_t(layout.last_b)], 0.0f);
  const float bound = std::sqrt(6.0f / (16 + 32));  // [W_u W_z] is one 16 x 32 layer
  for (int k = 0; k < layout.b1; ++k) EXPECT_LE(std::abs(theta[std::size_t(k)]), bound * 1.0001f);
}

}  // namespace
}  // namespace fedfuse
