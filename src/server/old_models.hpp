#pragma once
// The models that clients in flight started from (models.md, section 13). Empty without --async.
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "clients/state_visitor.hpp"
#include "model/spec.hpp"

namespace fedfuse {

class OldModels {
 public:
  // `version` is no longer the newest. wanted: those that are kept, it may be among them.
  void keep(std::int64_t version, GlobalModel model, std::span<const std::int64_t> wanted);
  [[nodiscard]] const GlobalModel& of(std::int64_t version) const;
  [[nodiscard]] std::int64_t count() const { return std::int64_t(models_.size()); }
  // newest: for the shapes
  void visit(StateVisitor& visitor, const std::string& name, const GlobalModel& newest);
  // That they take at most, with --async. of_model: bytes of one.
  [[nodiscard]] static double bytes(const Config& config, std::int64_t clients, double of_model);

 private:
  std::map<std::int64_t, GlobalModel> models_;
};

}  // namespace fedfuse
