// Denormal numbers become 0 in this thread and in those that it starts.
#include "core/denormals.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace fedfuse {
namespace {

// Of two normal numbers: 1e-40.
bool product_is_zero() {
  volatile float small = 1e-20f;
  return small * small == 0.0f;
}
// A denormal number from elsewhere.
bool input_is_zero() {
  volatile float least = std::numeric_limits<float>::denorm_min();
  return least * 2.0f == 0.0f;
}

TEST(Denormals, BecomeZeroHereAndInLaterThreads) {
  if (detail::flush_bits == 0) GTEST_SKIP() << "skipped: no such mode is known on this processor";
  const auto before = detail::float_control();
  detail::set_float_control(before & ~detail::flush_bits);
  EXPECT_FALSE(product_is_zero() || input_is_zero() || flushes_denormals());
  flush_denormals();
  EXPECT_TRUE(product_is_zero() && input_is_zero() && flushes_denormals());
  bool there = false;
  std::jthread([&] { there = product_is_zero() && input_is_zero() && flushes_denormals(); }).join();
  EXPECT_TRUE(there);
  detail::set_float_control(before);
}

}  // namespace
}  // namespace fedfuse
