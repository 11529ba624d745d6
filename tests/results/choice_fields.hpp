#pragma once
// Fields of the configuration whose values are names, for tests that walk them all.
#include <algorithm>
#include <string>
#include <vector>

#include "core/choice.hpp"
#include "results/config_fields.hpp"

namespace fedfuse::test {

inline std::string option_of(const ConfigField& field) {
  std::string option = std::string("--") + field.name;
  std::ranges::replace(option, '_', '-');
  return option;
}

template <class T>
constexpr bool is_list(const T&) {
  return std::is_same_v<T, std::vector<View>>;
}

// The names that the field may have; none: it is no choice. Candidates have a form, no names.
template <class T>
std::vector<std::string> names_of(const ConfigField& field, const T&) {
  if (field.rows != nullptr) return field.rows();
  if constexpr (!std::is_same_v<T, Candidates> && requires { Names<T>::all(); })
    return Names<T>::all();
  else
    return {};
}

// Some value that the member does not have.
template <Word T>
void set_to_another(T& member) {
  const auto before = member;
  if constexpr (std::is_same_v<T, Duration>) {
    parse_into(member, "", "1h30m");
  } else if constexpr (std::is_same_v<T, Candidates>) {
    parse_into(member, "", "sampled:99");
  } else {
    for (const auto& name : Names<T>::all()) {
      parse_into(member, "", name);
      if (member != before) return;
    }
  }
}

}  // namespace fedfuse::test
