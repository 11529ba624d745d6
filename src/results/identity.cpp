#include "results/identity.hpp"

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "core/text.hpp"
#include "data/data_hash.hpp"
#include "results/config_fields.hpp"
#include "results/config_text.hpp"
#include "results/json_text.hpp"
#include "results/provenance.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const char* of, const std::string& hash) {
  return hash.empty() ? "" : cat("  identity of ", of, hash, "\n");
}

}  // namespace

Identity identity_of(const Config& config, const Dataset& data, const Comm& comm) {
  return {.data = data_hash(data, comm), .config = config_hash(config), .program = program_hash()};
}

bool decides_bits(const ConfigField& field) {
  using enum ConfigSection;
  return field.section != files && field.section != execution && field.section != restart;
}

std::string config_hash(const Config& config) {
  const auto all = Json::parse(config_to_json(config));
  nlohmann::json deciding = nlohmann::json::object();  // its names are sorted
  for_each_field(config, [&](const ConfigField& field, const auto&) {
    if (decides_bits(field)) deciding[field.name] = all.at(field.name);
  });
  return sha256_hex(deciding.dump());
}

std::string program_of_both(const std::string& first, const std::string& second) {
  return first == second ? first : sha256_hex(first + second);
}

std::string identity_json(const Identity& identity) {
  return json_text(
      Json{{"data", identity.data}, {"config", identity.config}, {"program", identity.program}});
}

Identity identity_from_json(const std::string& text, const std::string& what) {
  const auto json = parse_object(text, what);
  const auto hash = [&](const char* name) { return member_of<std::string>(json, name, what); };
  return {.data = hash("data"), .config = hash("config"), .program = hash("program")};
}

std::string short_hash(const std::string& hash) {
  constexpr std::size_t digits = 12;
  return hash.empty() ? "not recorded" : hash.substr(0, digits);
}

std::string identity_words(const Identity& identity) {
  if (identity == Identity()) return "  identity            not recorded\n";
  return line("data    ", identity.data) + line("config  ", identity.config) +
         line("program ", identity.program);
}

void check_same_data(const std::string& path, const Identity& trained, const Dataset& data,
                     const Comm& comm) {
  const auto here = data_hash(data, comm);
  if (trained.data.empty())
    throw InputError(cat("cannot tell which data set the model of ", path, " was trained on"),
                     "its file holds no identity: an older fedfuse wrote it",
                     "train it again with this fedfuse");
  if (trained.data != here)
    throw InputError(
        cat("the model of ", path, " was trained on another data set than ", data.path),
        cat("its interactions, split, labels or features differ: the identity of the data is ",
            short_hash(trained.data), " there and ", short_hash(here), " here"),
        "give the data set that the model was trained on; `fedfuse info` prints the identity");
}

}  // namespace fedfuse
