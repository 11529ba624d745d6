// results/json_text: what a file holds is read with its type, or refused; never an exception of the
// JSON library, which would be called an internal error.
#include "results/json_text.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

TEST(JsonText, WhatIsNoObjectIsRefused) {
  EXPECT_EQ(parse_object(R"({"a": 1})", "it").size(), 1u);
  const std::string deep(65, '[');
  for (const auto& text : {std::string(), std::string("{"), std::string(R"({"a": "b)"),
                           std::string("[1]"), std::string("nul"), deep})
    EXPECT_THROW((void)parse_object(text, "it"), InputError) << text;
}

TEST(JsonText, AMemberHasItsType) {
  const auto json = parse_object(
      R"({"text": "a", "small": 4294967295, "large": 9223372036854775807, "less": -1,
          "beyond": 18446744073709551615, "real": 1.5, "list": [1], "object": {"b": 2}})",
      "it");
  EXPECT_EQ(member_of<std::string>(json, "text", "it"), "a");
  EXPECT_EQ(member_of<std::uint32_t>(json, "small", "it"), 4294967295u);
  EXPECT_EQ(member_of<std::int64_t>(json, "large", "it"), INT64_MAX);
  EXPECT_EQ(member_of<std::int64_t>(json, "less", "it"), -1);
  EXPECT_EQ(member_of<std::int64_t>(member_of<Json>(json, "object", "it"), "b", "it"), 2);
  for (const char* name : {"small", "large", "less", "beyond", "real", "list", "object", "none"})
    EXPECT_THROW((void)member_of<std::string>(json, name, "it"), InputError) << name;
  for (const char* name : {"text", "beyond", "real", "list", "object", "none"})
    EXPECT_THROW((void)member_of<std::int64_t>(json, name, "it"), InputError) << name;
  for (const char* name : {"text", "large", "less", "real", "none"})
    EXPECT_THROW((void)member_of<std::uint32_t>(json, name, "it"), InputError) << name;
  for (const char* name : {"text", "small", "list", "none"})
    EXPECT_THROW((void)member_of<Json>(json, name, "it"), InputError) << name;
  EXPECT_THROW((void)member_of<std::string>(Json::array({1}), "text", "it"), InputError);
}

}  // namespace
}  // namespace fedfuse
