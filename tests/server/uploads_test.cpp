// server/uploads: the virtual row updates of views against their formula (models.md section 3).
#include "server/uploads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

// -eta_u sum_j dL/dF_j; eta_u: eta_I, by counts times the mean size of the client's batches.
std::vector<double> formula(const LocalUpdate& update, const ModelSpec& spec, const Config& config,
                            const Samples& samples) {
  double rate = config.federation.lr_items * config.federation.lr_items_decay;  // round 2
  if (config.federation.item_update == ItemUpdate::counts)
    rate *= double(samples.slot.size()) / double(samples.begin.size() - 1);
  const std::size_t n = update.items.size() * std::size_t(spec.view_width);
  std::vector<double> rows(n);
  for (int j = 0; j < spec.views; ++j)
    for (std::size_t k = 0; k < n; ++k)
      rows[k] -= rate * double(update.rows[std::size_t(j) * n + k]);
  return rows;
}

TEST(Uploads, VirtualRowsFollowTheRule) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto rule : {ItemUpdate::mean, ItemUpdate::counts})
    for (const auto* fusion : {"mlp+gfmfr", "fedvlr+gfmfr"})
      for (const auto mode : {UploadMode::store, UploadMode::replay}) {
        const auto what = cat(fusion, " ", rule, " ", mode);
        auto config = test::small_config("fcf", fusion, rule);
        config.federation.lr_items_decay = 0.5;
        config.execution.uploads = mode;
        const Federation federation(config, data, Comm::self(), 1);
        const auto& spec = federation.spec();
        const Sampler sampler(config, data);
        LocalTrainer trainer(config, spec, data, sampler);
        const Distillation none;
        const RoundInputs inputs{2, federation.global(), federation.state(), none};
        Participants participants(config, spec, data, 1, {});
        const std::vector<std::int32_t> local{0, 3, 5};
        participants.train(local, inputs, Participants::Keep::all,
                           [](std::int64_t, std::int64_t, const LocalUpdate&) {});
        std::size_t seen = 0;
        participants.revisit(local, inputs, [&](std::int64_t u, const Upload& upload) {
          Samples samples;
          sampler.draw(u, 2, samples);
          const auto want = formula(trainer.train(u, 2, inputs.global, inputs.state, none), spec,
                                    config, samples);
          ASSERT_TRUE(std::ranges::equal(upload.items, samples.items)) << what;
          double largest = 0;
          for (std::size_t k = 0; k < want.size(); ++k) {
            ASSERT_NEAR(upload.rows[k], want[k], 1e-6 * (1 + std::abs(want[k]))) << what;
            largest = std::max(largest, std::abs(want[k]));
          }
          EXPECT_GT(largest, 1e-3) << what;
          ++seen;
        });
        EXPECT_EQ(seen, local.size()) << what;
      }
}

}  // namespace
}  // namespace fedfuse
