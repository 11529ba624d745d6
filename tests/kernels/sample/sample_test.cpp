// kernels/sample: every variant draws the samples of the first, which tests/clients holds to the
// protocol.
#include "kernels/sample/sample.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/gpu/simt.hpp"
#include "kernels/sample/sample_gpu.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse::sample {
namespace {

struct Case {
  std::string name;
  std::int64_t items = 60, positives = 5, per_positive = 4, epochs = 3, batch = 7;
  bool spare_held_out = false, listed = false, in_order = false;
};

class Problem {
 public:
  explicit Problem(const Case& c)
      : rules{Rng(test::seed(7), Purpose::negatives), Rng(test::seed(7), Purpose::shuffle)} {
    const Rng rng(test::seed(3), Purpose::test);
    std::set<std::int32_t> chosen;
    for (std::uint32_t k = 0; std::int64_t(chosen.size()) < c.positives; ++k)
      chosen.insert(
          std::int32_t(Rng::below(std::uint32_t(rng.bits(1, 0, k)), std::uint32_t(c.items))));
    positives.assign(chosen.begin(), chosen.end());
    for (std::int32_t i = 0; i < c.items && c.listed; i += 2) listed.push_back(i);
    client.id = 12345;
    client.positives = positives;
    for (std::int32_t i = 0; i < c.items; ++i)
      if (!chosen.contains(i)) {
        client.valid = client.test;
        client.test = i;
      }
    rules.items = c.items;
    rules.listed = listed;
    rules.spare_held_out = c.spare_held_out;
    rules.in_order = c.in_order;
    rules.per_positive = c.per_positive;
    rules.epochs = c.epochs;
    rules.batch = c.batch;
  }
  Rules rules;
  Client client;

 private:
  std::vector<std::int32_t> positives, listed;
};

std::vector<Case> cases() {
  return {{"usual"},
          {"nobody", 60, 0},
          {"one positive, no negatives", 60, 1, 0},
          {"many rejected", 40, 33, 2},
          {"everything is positive", 30, 30},
          {"only the held-out are left", 32, 30, 4, 2, 8, true},
          {"held-out spared", 60, 9, 4, 2, 8, true},
          {"a list", 60, 9, 3, 2, 8, false, true},
          {"lowest ids", 300, 9, 4, 2, 8, true, false, true},
          {"fewer items than negatives", 50, 20, 9, 1, 256, true, false, true},
          {"many repeats", 50, 20, 9, 1, 256},
          {"many repeats in epochs of one batch", 50, 20, 9, 4, 256},
          {"an epoch is a batch to the sample", 60, 5, 4, 3, 25},
          {"and one sample more", 60, 5, 4, 3, 24},
          {"more epochs than a warp has lanes", 60, 3, 2, 35},
          {"more samples than threads", 3000, 301, 4, 2, 64}};
}

void expect_same(const Samples& got, const Samples& expected, const std::string& what) {
  EXPECT_EQ(got.distinct_entries, expected.distinct_entries) << what;
  EXPECT_EQ(got.items, expected.items) << what;
  EXPECT_EQ(got.slot, expected.slot) << what;
  EXPECT_EQ(got.label, expected.label) << what;
  EXPECT_EQ(got.begin, expected.begin) << what;
}

TEST(Sample, EveryVariantDrawsTheSame) {
  const auto here = test::runnable(variants());
  for (const auto& c : cases())
    for (const std::uint32_t round : {1u, 900u}) {
      const Problem problem(c);
      Samples expected;
      production().run(problem.rules, problem.client, round, expected);
      for (const auto& variant : here) {
        Samples got;
        variant.run(problem.rules, problem.client, round, got);
        expect_same(got, expected, c.name + ", " + std::string(variant.name));
      }
    }
}

// Of the emulated threads; on CUDA, again.
TEST(Sample, AnyOrderOfThreadsDrawsTheSame) {
  const Problem problem({"more samples than threads", 900, 61, 4, 2, 64});
  Samples expected, got;
  production().run(problem.rules, problem.client, 4, expected);
  for (const auto& variant : test::runnable_on_devices(variants()))
    for (const auto order : {simt::Order::descending, simt::Order::shuffled}) {
      simt::set_schedule({order, 5, 1});
      variant.run(problem.rules, problem.client, 4, got);
      expect_same(got, expected, std::string(variant.name) + ", another order of threads");
    }
  simt::set_schedule({});
}

// Clients beside each other, one larger than shared memory holds, and a room larger than its
// samples.
void expect_many_in_one_launch(const std::shared_ptr<gpu::Device>& device) {
  const gpu::Stream stream(device);
  const auto up = [&]<class T>(const std::vector<T>& values) {
    return gpu::to_device(stream, std::span<const T>(values));
  };
  std::vector<std::int32_t> train, ids{50, 7, 901}, local{2, 0, 1};
  std::vector<std::int64_t> offsets{0};
  for (const int positives : {6, 0, 17}) {
    for (int i = 0; i < positives; ++i) train.push_back(2 * i + positives % 2);
    offsets.push_back(std::int64_t(train.size()));
  }
  Rules rules{Rng(test::seed(1), Purpose::negatives), Rng(test::seed(1), Purpose::shuffle)};
  rules.items = 80;
  rules.per_positive = 3;
  rules.epochs = 2;
  rules.batch = 8;
  const std::vector<std::int64_t> begin{0, 17 * 4, 17 * 4 + 30, 17 * 4 + 33};  // of client 2, 0, 1
  for (const std::size_t shared_limit : {std::size_t(227) << 10, std::size_t(256)}) {
    const auto d_local = up(local), d_ids = up(ids), d_train = up(train);
    const auto d_offsets = up(offsets), d_begin = up(begin);
    const auto room = std::size_t(begin.back());
    gpu::Buffer<std::int32_t> samples(device, 3), slots(device, 3), items(device, room),
        drawn(device, room), entries(device, 2 * room);
    const GpuSampling s{3,
                        d_local.data(),
                        d_ids.data(),
                        d_offsets.data(),
                        d_train.data(),
                        nullptr,
                        nullptr,
                        nullptr,
                        80,
                        5,
                        false,
                        false,
                        3,
                        2,
                        8,
                        rules.negatives,
                        rules.shuffle,
                        d_begin.data(),
                        samples.data(),
                        slots.data(),
                        items.data(),
                        drawn.data(),
                        entries.data()};
    const auto plan = gpu_sample_plan(17 * 4, 2, shared_limit);
    EXPECT_EQ(plan.in_shared, shared_limit > 1000);
    gpu::on_platform(*device, [&]<class P>(P) { draw_clients<P>(plan, s, stream); });
    const auto down = [&](const gpu::Buffer<std::int32_t>& from) {
      std::vector<std::int32_t> values(from.size());
      from.copy_out(values, stream);
      stream.synchronise();
      return values;
    };
    const auto got_samples = down(samples), got_slots = down(slots), got_items = down(items),
               got_entries = down(entries);
    for (std::size_t c = 0; c < 3; ++c) {
      const auto u = std::size_t(local[c]);
      const std::span<const std::int32_t> positives(train.data() + offsets[u],
                                                    std::size_t(offsets[u + 1] - offsets[u]));
      Samples expected;
      production().run(rules, {ids[u], positives, -1, -1}, 5, expected);
      const auto n = std::size_t(expected.distinct_entries), first = std::size_t(begin[c]);
      ASSERT_EQ(got_samples[c], std::int32_t(n));
      ASSERT_EQ(std::size_t(got_slots[c]), expected.items.size());
      for (std::size_t i = first; i < std::size_t(begin[c + 1]); ++i)
        EXPECT_EQ(got_items[i], i - first < expected.items.size() ? expected.items[i - first] : -1)
            << "client " << c;
      for (std::size_t e = 0; e < 2 * n; ++e) {
        const auto entry = got_entries[2 * first + e];
        EXPECT_EQ(entry & 0x7fffffff, expected.slot[e]) << "client " << c << " entry " << e;
        EXPECT_EQ(entry < 0, expected.label[e] == 1.0f);
      }
    }
  }
}

TEST(Sample, ManyClientsInOneLaunch) {
  for (const auto& device : test::fresh_devices()) expect_many_in_one_launch(device);
}

}  // namespace
}  // namespace fedfuse::sample
