#pragma once
// JSON as text, whatever the bytes of a path or host name: what is not UTF-8 is replaced, not
// thrown at the end of a run.
#include <nlohmann/json.hpp>
#include <string>

namespace fedfuse {

// An object of a file. InputError when it is none, is not JSON, or is nested deeper than 64 levels:
// to print or to destroy a value recurses. what: "the notes of run.h5".
[[nodiscard]] nlohmann::ordered_json parse_object(const std::string& text, const std::string& what);

// A whole number that std::int64_t holds.
[[nodiscard]] bool is_int64(const nlohmann::ordered_json& value);

// What an object of a file holds by that name. InputError where it has none, or one of another
// type or beyond its range. T: a string, an integer, or ordered_json for an object.
template <class T>
[[nodiscard]] T member_of(const nlohmann::ordered_json& object, const std::string& name,
                          const std::string& what);

inline std::string json_text(const nlohmann::ordered_json& value, int indent = -1) {
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace fedfuse
