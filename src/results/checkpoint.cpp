#include "results/checkpoint.hpp"

#include <algorithm>

#include "core/crc32.hpp"
#include "core/isa.hpp"
#include "data/output_file.hpp"
#include "results/checkpoint_archive.hpp"
#include "results/config_fields.hpp"
#include "results/config_text.hpp"
#include "results/json_text.hpp"
#include "results/output_space.hpp"
#include "results/provenance.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

std::string header_text(const CheckpointHeader& h, const Checksums& checksums) {
  Json json = Json::object();
  json["round"] = h.round;
  json["version"] = h.version;
  json["target"] = h.target;
  json["config"] = Json::parse(config_to_json(h.config));
  json["data"] = {{"name", h.data_name},
                  {"clients", h.clients},
                  {"items", h.items},
                  {"train_interactions", h.train_interactions}};
  json["identity"] = Json::parse(identity_json(h.identity));
  auto& datasets = json["datasets"] = Json::object();
  for (const auto& [path, crc] : checksums)
    datasets[path] = {{"crc32", crc.value}, {"bytes", crc.bytes}};
  return json_text(json);
}

struct HeaderAndSums {
  CheckpointHeader header;
  Checksums checksums;
};

InputError damaged(const std::string& path, const std::string& why) {
  return {cat("cannot read ", path), why,
          "go on from the checkpoint before it, or start again without --resume"};
}

HeaderAndSums read_header(const h5::File& file) {
  if (!file.has_attribute("/", "format") || file.text("/", "format") != checkpoint_format)
    throw damaged(file.path(), "it is no checkpoint");
  HeaderAndSums read;
  read.header.schema = file.integer("/", "schema_version");
  if (read.header.schema != checkpoint_schema) return read;
  const auto bytes = file.read_all<std::uint8_t>("/header", {h5::any});
  if (std::int64_t(crc32_of(std::span<const std::uint8_t>(bytes)).value) !=
      file.integer("/", "header_crc32"))
    throw damaged(file.path(), "the checksum of /header is wrong");
  const auto what = cat("/header of ", file.path());
  const auto json = parse_object({bytes.begin(), bytes.end()}, what);
  const auto part = [&](const char* name) { return member_of<Json>(json, name, what); };
  const auto data = part("data"), datasets = part("datasets");
  const auto text = [&](const Json& of, const char* name) {
    return member_of<std::string>(of, name, what);
  };
  const auto number = [&](const Json& of, const char* name) {
    return member_of<std::int64_t>(of, name, what);
  };
  read.header = {.round = number(json, "round"),
                 .config = config_from_json(json_text(part("config"))),
                 .data_name = text(data, "name"),
                 .clients = number(data, "clients"),
                 .items = number(data, "items"),
                 .train_interactions = number(data, "train_interactions"),
                 .identity = identity_from_json(json_text(part("identity")), what),
                 .version = text(json, "version"),
                 .target = json.contains("target") ? text(json, "target") : ""};
  for (const auto& [path, sum] : datasets.items())
    read.checksums[path] = {member_of<std::uint32_t>(sum, "crc32", what), number(sum, "bytes")};
  const auto& h = read.header;
  validate(h.config);
  if (h.round < 1 || h.clients < 1 || h.items < 1 || h.train_interactions < 0)
    throw damaged(file.path(), "a count in /header is impossible");
  return read;
}

// Of the rows that fall to this rank, in pieces: a check needs no memory worth naming.
Crc32 crc32_of_my_rows(const h5::File& file, const std::string& dataset, const Comm& comm) {
  constexpr std::int64_t piece_values = std::int64_t(8) << 20;
  const auto shape = file.shape(dataset);
  const BlockSplit split{shape.at(0), comm.size()};
  const auto rows = std::max<std::int64_t>(
      1, piece_values / std::max<std::int64_t>(1, shape.size() > 1 ? shape[1] : 1));
  Crc32 sum;
  for (auto first = split.first(comm.rank()); first < split.first(comm.rank() + 1); first += rows) {
    const auto bytes =
        file.read_bytes(dataset, first, std::min(rows, split.first(comm.rank() + 1) - first));
    sum = joined(sum, crc32_of(std::span<const std::byte>(bytes)));
  }
  return sum;
}

void check_version(const std::string& path, const CheckpointHeader& header) {
  if (header.schema != checkpoint_schema)
    throw OtherRun(
        cat(path, " is a checkpoint of version ", header.schema),
        cat("this fedfuse reads version ", checkpoint_schema),
        "use the fedfuse that wrote it, or start again without --resume and with --overwrite");
}

// The middle of an error's text: what, why, what to do.
std::string why(const std::string& text) {
  constexpr std::string_view mark = "\n  why: ";
  const auto at = text.find(mark);
  return at == std::string::npos
             ? text
             : text.substr(at + mark.size(), text.find('\n', at + 1) - at - mark.size());
}

HeaderAndSums verified(const std::string& path, const Comm& comm) {
  HeaderAndSums read;
  std::vector<Crc32> mine;
  comm.together([&] {
    const auto file = h5::File::open(path);
    read = read_header(file);
    for (const auto& [dataset, sum] : read.checksums)
      mine.push_back(crc32_of_my_rows(file, dataset, comm));
  });
  std::size_t at = 0;
  for (const auto& [dataset, sum] : read.checksums)
    if (joined_over_ranks(mine[at++], comm) != sum)
      throw damaged(path, cat("the checksum of ", dataset, " is wrong"));
  return read;
}

// More rounds only go on.
bool must_be_the_same(const ConfigField& field) {
  return decides_bits(field) && std::string_view(field.name) != "rounds";
}

[[noreturn]] void refuse(const std::string& path, const std::string& what, const std::string& then,
                         const std::string& now) {
  throw OtherRun(cat(path, " is a checkpoint of another run"),
                 cat(what, " was ", then, " there and is ", now, " here"),
                 "resume it as it was begun, or start again without --resume and with --overwrite, "
                 "which removes it");
}

// A level rounds in its own way: fused multiply-adds, and sums over its lanes.
void check_same_target(const std::string& path, const std::string& then, const std::string& now,
                       const std::string& available) {
  if (then.empty() || then == now) return;
  throw OtherRun(cat(path, " was made with the target ", then, ", and this run has ", now),
                 "the bits of a run are those of one target",
                 cat("go on with that target (--isa), or start again without --resume and with "
                     "--overwrite; available here: ",
                     available));
}

// "fedfuse 1.2.3" of "fedfuse 1.2.3 (commit ...)".
std::string release_of(const std::string& version) { return version.substr(0, version.find(" (")); }

}  // namespace

CheckpointHeader header_of(std::int64_t round, const Config& config, const Dataset& data,
                           const Identity& identity) {
  return {.round = round,
          .config = config,
          .data_name = data.name,
          .clients = data.clients,
          .items = data.items,
          .train_interactions = data.train_interactions,
          .identity = identity,
          .version = version_text(),
          .target = own_target()};
}

WrittenCheckpoint write_checkpoint(const std::string& path, const CheckpointHeader& header,
                                   const VisitState& visit, const Dataset& data, const Comm& comm) {
  ArchiveSize size(comm);
  visit(size);
  const auto bytes = size.bytes();
  // removes what it began unless it is committed
  auto output = std::make_unique<OutputFile>(path, Existing::replace, bytes, comm);
  comm.on_root([&] { reserve_space(output->partial(), path, bytes); });
  {
    ResultSink sink(output->partial(), path, comm, bytes, h5::Structures::checked);
    ArchiveWriter writer(sink, data);
    visit(writer);
    auto text = header_text(header, writer.checksums());
    comm.broadcast(text);
    const std::span<const std::uint8_t> header_bytes(
        reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    sink.plain_all<std::uint8_t>("/header", 0, header_bytes);
    sink.attribute("/", "format", std::string(checkpoint_format));
    sink.attribute("/", "schema_version", checkpoint_schema);
    sink.attribute("/", "round", header.round);
    sink.attribute("/", "header_crc32", std::int64_t(crc32_of(header_bytes).value));
    sink.close();
  }
  return {bytes, std::make_unique<BackgroundCommit>(std::move(output))};
}

VerifiedCheckpoint verify_checkpoint(const std::string& path, const Comm& comm) {
  VerifiedCheckpoint result;
  try {
    result.header = verified(path, comm).header;
  } catch (const InputError& e) {
    result.damage = why(e.what());
  } catch (const InternalError& e) {  // HDF5 or JSON could not read on
    result.damage = e.what();
  }
  if (result.header) check_version(path, *result.header);
  return result;
}

CheckpointHeader read_checkpoint_header(const std::string& path) {
  try {
    auto header = read_header(h5::File::open(path)).header;
    check_version(path, header);
    return header;
  } catch (const InternalError& e) {
    throw damaged(path, e.what());
  } catch (const Json::exception& e) {
    throw damaged(path, e.what());
  }
}

void load_checkpoint(const std::string& path, const VisitState& visit, const Dataset& data,
                     const Comm& comm) {
  ArchiveReader reader(path, data, comm);
  try {
    visit(reader);
  } catch (const InternalError& e) {  // the same on every rank
    throw damaged(path, e.what());
  }
}

void check_same_run(const std::string& path, const CheckpointHeader& then,
                    const CheckpointHeader& now, const std::string& available) {
  const auto same = [&]<class T>(const char* what, const T& before, const T& here) {
    if (before != here) refuse(path, what, cat(before), cat(here));
  };
  same("the program", release_of(then.version), release_of(now.version));
  check_same_target(path, then.target, now.target, available);
  same("the data set's name", then.data_name, now.data_name);
  same("the number of clients", then.clients, now.clients);
  same("the number of items", then.items, now.items);
  same("the number of training interactions", then.train_interactions, now.train_interactions);
  if (then.identity.data != now.identity.data)
    refuse(path, "the identity of the data set", short_hash(then.identity.data),
           short_hash(now.identity.data));
  const auto before = Json::parse(config_to_json(then.config)),
             here = Json::parse(config_to_json(now.config));
  for_each_field(now.config, [&](const ConfigField& field, const auto&) {
    if (!must_be_the_same(field) || before.at(field.name) == here.at(field.name)) return;
    std::string option = cat("--", field.name);
    std::ranges::replace(option, '_', '-');
    refuse(path, option, before.at(field.name).dump(), here.at(field.name).dump());
  });
  if (now.config.gfmfr.distillation.schedule == DistillSchedule::cosine)
    same("--rounds (with --distill-schedule cosine)", then.config.federation.rounds,
         now.config.federation.rounds);
  if (now.config.federation.rounds <= then.round)
    throw InputError(cat("nothing is left to do after ", path),
                     cat("it stands after round ", then.round, " and --rounds is ",
                         now.config.federation.rounds),
                     cat("give --rounds above ", then.round));
}

}  // namespace fedfuse
