// What the bash completion offers: the script is sourced and asked as the shell asks it.
#include <gtest/gtest.h>

#include <string>

#include "core/text.hpp"
#include "results/config_fields.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

// The offers for the last of words, one a line. words: as bash splits the line.
std::string offers(const std::string& words) {
  const auto script = Place::get().file("complete.sh");
  test::write_text(
      script, cat("source <(", FEDFUSE_PROGRAM, " completion bash) || exit\nCOMP_WORDS=(", words,
                  ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_fedfuse\n"
                  "printf \"%s\\n\" \"${COMPREPLY[@]}\"\n"));
  const auto outcome = test::shell(cat("bash ", script));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  return outcome.output;
}

TEST(Completion, knows_commands_options_and_choices) {
  EXPECT_EQ(offers("fedfuse ev"), "evaluate\n");
  EXPECT_EQ(offers("fedfuse --ver"), "--version\n");
  EXPECT_EQ(offers("fedfuse train --local-"), "--local-epochs\n");
  EXPECT_EQ(offers("fedfuse train --quie"), "--quiet\n");
  EXPECT_EQ(offers("fedfuse train --rounds 3 --backbone fedn"), "fedncf\n");
  EXPECT_EQ(offers("fedfuse train --fusion mlp+"), "mlp+gfmfr\nmlp+group-prior\n");
  EXPECT_EQ(offers("fedfuse train --fusion = mlp+"), "mlp+gfmfr\nmlp+group-prior\n");
  EXPECT_EQ(offers("fedfuse evaluate --candidates ="), "full\n");
  EXPECT_EQ(offers("fedfuse completion b"), "bash\n");
}

TEST(Completion, leaves_files_to_the_shell) {
  EXPECT_EQ(offers("fedfuse train --data x"), "\n");
  EXPECT_EQ(offers("fedfuse info \"\""), "\n");
  EXPECT_EQ(offers("fedfuse info --he"), "--help\n");
}

TEST(Completion, knows_every_field_of_the_configuration) {
  const auto all = "\n" + offers("fedfuse train --");
  const Config standard;
  for_each_field(standard, [&](const ConfigField& field, const auto&) {
    std::string option = cat("--", field.name);
    for (auto& c : option)
      if (c == '_') c = '-';
    EXPECT_NE(all.find("\n" + option + "\n"), std::string::npos) << option;
  });
}

TEST(Completion, of_another_shell_is_refused) {
  test::expect_refused(test::fedfuse("completion fish"), "fish");
}

}  // namespace
}  // namespace fedfuse
