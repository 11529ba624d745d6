#include "clients/state_visitor.hpp"

#include "core/text.hpp"

namespace fedfuse {

void visit(StateVisitor& visitor, const std::string& name, GlobalModel& model) {
  for (std::size_t j = 0; j < model.views.size(); ++j)
    visitor.shared(cat(name, "/view_", j), model.views[j].span());
  visitor.shared(name + "/theta", std::span<float>(model.theta));
  visitor.matrix(name + "/prior", model.prior);
}

void visit(StateVisitor& visitor, const std::string& name, const ModelSpec& spec,
           ClientState& state) {
  visitor.clients(name + "/theta", state.theta.cols, state.theta.span());
  visitor.clients(name + "/user", state.user.cols, state.user.span());
  visitor.clients(name + "/router", state.router.cols, state.router.span());
  if (spec.has_overlay()) visitor.overlay(name + "/overlay", state.overlay);
  if (!state.base.empty())
    visitor.clients(name + "/base_scale", 1, std::span<float>(state.base_scale));
  visitor.clients(name + "/group", 1, std::span<std::int32_t>(state.group));
  visitor.clients(name + "/shares", state.shares.cols, state.shares.span());
}

}  // namespace fedfuse
