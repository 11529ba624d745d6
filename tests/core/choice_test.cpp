// core/choice and the parsed values of options: names, errors, round trips.
#include "core/choice.hpp"

#include <gtest/gtest.h>

#include "core/config/evaluation.hpp"
#include "core/config/execution.hpp"
#include "core/duration.hpp"

namespace fedfuse {
namespace {

template <class T>
std::string refusal(const std::string& text) {
  try {
    (void)parse_choice<T>("--option", text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted: " + text;
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Choice, AnErrorNamesTheOptionWhatWasGivenTheNearestAndAllNames) {
  const auto text = refusal<std::optional<UploadMode>>("stroe");
  EXPECT_TRUE(says(text, "--option \"stroe\"")) << text;
  EXPECT_TRUE(says(text, "did you mean store?")) << text;
  EXPECT_TRUE(says(text, "use one of: auto, store, replay")) << text;
  EXPECT_FALSE(says(refusal<UploadMode>("unrelated"), "did you mean"));
  EXPECT_TRUE(says(refusal<UploadMode>("auto"), "there is no such choice"));
  EXPECT_TRUE(says(refusal<UploadMode>(""), "--option \"\""));
}

TEST(Choice, AnEmptyOptionalIsAuto) {
  EXPECT_EQ(parse_choice<std::optional<UploadMode>>("", "auto"), std::nullopt);
  EXPECT_EQ(parse_choice<std::optional<UploadMode>>("", "replay"), UploadMode::replay);
  EXPECT_EQ(text_of(std::optional<UploadMode>()), "auto");
  EXPECT_EQ(joined_names<std::optional<UploadMode>>("|"), "auto|store|replay");
}

TEST(Choice, NearestWord) {
  EXPECT_EQ(nearest_word("fusoin", {"fusion", "backbone"}), "fusion");
  EXPECT_EQ(nearest_word("xyz", {"fusion", "backbone"}), "");
}

TEST(Candidates, FullOrSampled) {
  EXPECT_EQ(parse_choice<Candidates>("", "full"), Candidates());
  const auto sampled = parse_choice<Candidates>("", "sampled:99");
  EXPECT_EQ(sampled.kind, Candidates::Kind::sampled);
  EXPECT_EQ(sampled.number, 99);
  for (const char* text : {"full", "sampled:1", "sampled:9223372036854775807"})
    EXPECT_EQ(text_of(parse_choice<Candidates>("", text)), text);
}

TEST(Candidates, AnythingElseIsRefused) {
  for (const char* text :
       {"sampled:0", "sampled:", "sampled:-1", "sampled:+1", "sampled: 1", "sampled:1.5",
        "sampled:9x", "sampled", "Sampled:9", "sampled:99999999999999999999", "Full", "full ", ""})
    EXPECT_TRUE(says(refusal<Candidates>(text), std::string("--option \"") + text + "\""))
        << refusal<Candidates>(text);
  EXPECT_TRUE(says(refusal<Candidates>("Full"), "did you mean full?"));
  EXPECT_TRUE(says(refusal<Candidates>("sampled:99999999999999999999"), "too large"));
  EXPECT_TRUE(says(refusal<Candidates>("sampled:0"), "whole number from 1"));
}

TEST(Duration, IsParsedOnceAndKeepsItsText) {
  const auto time = parse_choice<Duration>("", "1h30m");
  EXPECT_EQ(time.seconds, 5400);
  EXPECT_EQ(text_of(time), "1h30m");
  EXPECT_EQ(parse_choice<Duration>("", ""), Duration());
  for (const char* text : {"0", "0s", "-3", "5x", "soon"})
    EXPECT_TRUE(says(refusal<Duration>(text), "--option")) << text;
}

}  // namespace
}  // namespace fedfuse
