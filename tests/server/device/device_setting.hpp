#pragma once
// What the tests of the round on a device share.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/text.hpp"
#include "server/device/choose.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/runnable.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse::test {

inline Config small_device_config(const std::string& backbone, const std::string& fusion,
                                  ItemUpdate rule = ItemUpdate::mean) {
  auto c = small_config(backbone, fusion, rule);
  c.federation.fraction = 0.5;
  if (backbone == "fedrap") c.model.personal_init_std = 0.01;
  return c;
}

inline GenerateOptions tiny() {
  auto o = SmallData::default_options();
  o.users = 12;
  o.items = 50;
  o.activity = 5;
  return o;
}

inline ChosenDevice open(DeviceKind kind) { return open_device(kind, Comm::self(), 1); }

inline void expect_same_bits(const Federation& a, const Federation& b, const std::string& what) {
  EXPECT_TRUE(a.global() == b.global()) << what;
  EXPECT_TRUE(a.state() == b.state()) << what;
  EXPECT_TRUE(a.preferences() == b.preferences()) << what;
}

inline std::vector<std::int32_t> everybody(const Dataset& data) {
  std::vector<std::int32_t> local(std::size_t(data.local_clients()));
  for (std::size_t u = 0; u < local.size(); ++u) local[u] = std::int32_t(u);
  return local;
}

}  // namespace fedfuse::test
