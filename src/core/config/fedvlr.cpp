#include "core/config/fedvlr.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace fedfuse {

void validate(const FedvlrOptions& o) {
  if (o.views.empty() || o.views.size() > choice_names<View>.size())
    throw InputError("--views", "between one and three views are sent", "use --views sum mlp gate");
  auto sorted = o.views;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    throw InputError("--views", "a view is named twice", "name each once");
}

}  // namespace fedfuse
