#pragma once
// What stands between the fields of a text table.
#include <optional>
#include <string>
#include <string_view>

#include "core/choice.hpp"

namespace fedfuse {

enum class Delimiter { comma, tab, semicolon, double_colon, pipe };
template <>
inline constexpr auto choice_names<Delimiter> =
    std::array{Named{Delimiter::comma, "comma"}, Named{Delimiter::tab, "tab"},
               Named{Delimiter::semicolon, "semicolon"},
               Named{Delimiter::double_colon, "double-colon"}, Named{Delimiter::pipe, "pipe"}};

[[nodiscard]] std::string_view characters_of(Delimiter delimiter);

// Fields of the text's first line that is not empty; a delimiter or a line end in quotes does not
// count.
[[nodiscard]] std::size_t fields_of_first_line(std::string_view text, Delimiter delimiter);

struct Detected {
  Delimiter delimiter = Delimiter::comma;
  std::optional<Delimiter> rival;  // it fits as well
};
// The delimiter that cuts the first line into `columns` fields; where none does, or columns is 0,
// into the most. A line without any has one comma-separated field.
[[nodiscard]] Detected detect_delimiter(std::string_view text, std::size_t columns);

}  // namespace fedfuse
