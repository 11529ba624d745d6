#include "server/old_models.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

void OldModels::keep(std::int64_t version, GlobalModel model,
                     std::span<const std::int64_t> wanted) {
  models_[version] = std::move(model);
  std::erase_if(models_, [&](const auto& kept) {
    return std::ranges::find(wanted, kept.first) == wanted.end();
  });
}

const GlobalModel& OldModels::of(std::int64_t version) const {
  const auto found = models_.find(version);
  FEDFUSE_CHECK(found != models_.end(), cat("the model of step ", version, " is kept"));
  return found->second;
}

void OldModels::visit(StateVisitor& visitor, const std::string& name, const GlobalModel& newest) {
  auto kept = count();
  visitor.number(name + "/count", kept);
  std::vector<std::int64_t> versions;
  for (const auto& [version, model] : models_) versions.push_back(version);
  versions.resize(std::size_t(kept));
  visitor.shared(name + "/versions", std::span<std::int64_t>(versions));
  if (visitor.loads()) models_.clear();
  for (std::size_t k = 0; k < versions.size(); ++k) {
    auto& model = models_.try_emplace(versions[k], newest).first->second;
    fedfuse::visit(visitor, cat(name, "/", k), model);
  }
}

double OldModels::bytes(const Config& config, std::int64_t clients, double of_model) {
  const auto most =
      std::min(config.participation.max_staleness, clients_in_flight(config, clients));
  return double(most) * of_model;
}

}  // namespace fedfuse
