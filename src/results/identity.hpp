#pragma once
// What a number belongs to: hashes of the data set, of the configuration and of the program. Every
// result and checkpoint holds them, and whatever combines or reuses numbers compares them.
#include <string>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

struct ConfigField;

// SHA-256, 64 hexadecimal digits each. Empty: not recorded, as in a file of an older fedfuse.
struct Identity {
  std::string data;     // data/data_hash.hpp
  std::string config;   // config_hash()
  std::string program;  // program_hash() of results/provenance.hpp

  bool operator==(const Identity&) const = default;
};

// Collective. config: effective.
[[nodiscard]] Identity identity_of(const Config& config, const Dataset& data, const Comm& comm);

// Can another value of this option give a result with other bits? Its section decides.
[[nodiscard]] bool decides_bits(const ConfigField& field);
// Of the options that decide bits, as one line of JSON with sorted names and no blanks.
[[nodiscard]] std::string config_hash(const Config& config);

// The program of a run that one program began and another went on with: a hash of both. The same
// program twice is itself.
[[nodiscard]] std::string program_of_both(const std::string& first, const std::string& second);

[[nodiscard]] std::string identity_json(const Identity& identity);
// InputError when it is no such text. what: "attribute identity of / in run.h5".
[[nodiscard]] Identity identity_from_json(const std::string& text, const std::string& what);
// The first 12 digits, for messages; "not recorded".
[[nodiscard]] std::string short_hash(const std::string& hash);
// Lines of `fedfuse info`; without a hash in the identity, without its line.
[[nodiscard]] std::string identity_words(const Identity& identity);

// InputError: the model of `path` was trained on other data than `data`, or on data that its file
// does not name. Collective.
void check_same_data(const std::string& path, const Identity& trained, const Dataset& data,
                     const Comm& comm);

}  // namespace fedfuse
