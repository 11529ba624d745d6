#include "results/presets.hpp"

#include <algorithm>

#include "core/choice.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "results/config_text.hpp"

namespace fedfuse {
namespace {

// Item rows step with 0.1 * M * 80 there, M = 1682.
constexpr std::string_view pfedrec_paper = R"(backbone = "pfedrec"
item_update = "mean"
dim = 32
init_std = 1.0
lr = 0.1
lr_items = 13456.0
local_epochs = 1
batch = 256
negatives = "own-all"
candidates = "sampled:99"
rounds = 100
)";

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& preset : presets()) all.emplace_back(preset.name);
  return all;
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> table{
      {"pfedrec-paper", "PFedRec (IJCAI 2023) on MovieLens-100K, 943 clients, 1,682 items",
       pfedrec_paper},
  };
  return table;
}

void apply_preset(Config& config, const std::string& name) {
  const auto preset =
      std::ranges::find_if(presets(), [&](const Preset& p) { return p.name == name; });
  if (preset == presets().end()) {
    const auto near = nearest_word(name, names());
    throw InputError(cat("--preset ", name), "no preset has this name",
                     cat(near.empty() ? "" : cat("did you mean ", near, "? "),
                         "`fedfuse train --preset list` shows all"));
  }
  apply_toml(config, std::string(preset->toml), cat("preset ", preset->name));
}

std::string preset_names() { return joined(names(), "|"); }

std::string presets_text() {
  std::string text;
  for (const auto& preset : presets())
    text += cat("# ", preset.name, ": ", preset.what, "\n", preset.toml, "\n");
  return text;
}

}  // namespace fedfuse
