#include "app/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/choice.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

constexpr const char* head = R"(# bash completion of fedfuse, for: source <(fedfuse completion bash)
_fedfuse() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
  if [ "$word" = = ]; then
    word= # --option=
  elif [ "$before" = = ]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $COMP_CWORD:${COMP_WORDS[1]}:$before in
)";
constexpr const char* tail = R"(  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _fedfuse fedfuse
)";

bool is_plain(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '_';
  });
}

// The words of "... {a|b|sampled:N} ..." that stand for themselves.
std::vector<std::string> choices_of(const std::string& help) {
  std::vector<std::string> choices;
  const auto open = help.rfind('{'), close = help.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return choices;
  std::string_view rest = std::string_view(help).substr(open + 1, close - open - 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('|'), rest.size());
    if (is_plain(rest.substr(0, end))) choices.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return choices;
}

// One branch of the case statement.
std::string branch(const std::string& pattern, const std::vector<std::string>& words) {
  return cat("    ", pattern, ") words='", joined(words, " "), "' ;;\n");
}

// Options with choices first, then those with any other value, then the options themselves.
std::string branches_of(const CLI::App& command) {
  const auto& name = command.get_name();
  std::string text;
  std::vector<std::string> options, choices;
  bool takes_files = false;
  for (const auto* option : command.get_options()) {
    if (option->get_positional()) {
      choices = choices_of(option->get_description());
      takes_files = choices.empty();
      continue;
    }
    const auto word = option->get_name();
    options.push_back(word);
    if (option->get_expected_max() > 0)
      text += branch(cat("*:", name, ":", word), choices_of(option->get_description()));
  }
  if (takes_files)
    return cat(text, "    *:", name, ":*) [[ $word != -* ]] || words='", joined(options, " "),
               "' ;;\n");
  options.insert(options.begin(), choices.begin(), choices.end());
  return text + branch(cat("*:", name, ":*"), options);
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::vector<std::string> first;
  std::string branches;
  for (const auto* command : app.get_subcommands({})) {
    first.push_back(command->get_name());
    branches += branches_of(*command);
  }
  for (const auto* option : app.get_options()) first.push_back(option->get_name());
  return cat(head, branch("1:*", first), branches, tail);
}

}  // namespace fedfuse
