#pragma once
// A checkpoint: everything that training goes on from, in one parallel HDF5 file that is whole or
// not there.
//   /header   JSON text: which run, data set and round it is of, and the CRC-32 of every dataset
//             below /state
//   header_crc32   attribute of the root: the CRC-32 of /header
//   /state/...     the lists of clients/state_visitor.hpp; client arrays in the order of the ids
// CRCs are of the values, so they do not depend on the ranks; HDF5 guards its own structures
// (h5::Structures::checked).
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "clients/state_visitor.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "data/dataset.hpp"
#include "data/output_file.hpp"
#include "results/identity.hpp"

namespace fedfuse {

inline constexpr std::int64_t checkpoint_schema = 2;
inline constexpr const char* checkpoint_format = "fedfuse-checkpoint";

// What a checkpoint belongs to.
struct CheckpointHeader {
  std::int64_t round = 0;  // the last that is done, from 1
  Config config;           // effective
  std::string data_name;
  std::int64_t clients = 0, items = 0, train_interactions = 0;
  Identity identity;
  std::string version;                      // of the program that wrote it
  std::string target;                       // of the program, core/isa.hpp; "": not recorded
  std::int64_t schema = checkpoint_schema;  // of another one, nothing else is known
};

using VisitState = std::function<void(StateVisitor&)>;

[[nodiscard]] CheckpointHeader header_of(std::int64_t round, const Config& config,
                                         const Dataset& data, const Identity& identity);

// A checkpoint that is written and closed, but perhaps not yet on the disk, nor under its name.
struct WrittenCheckpoint {
  std::int64_t bytes = 0;  // of the file
  std::unique_ptr<BackgroundCommit> commit;
};
// Collective. Written beside, closed; the state may change again: the rest happens in the
// background, until commit->wait(). InputError when there is no room or no right to write: then
// nothing was changed.
[[nodiscard]] WrittenCheckpoint write_checkpoint(const std::string& path,
                                                 const CheckpointHeader& header,
                                                 const VisitState& visit, const Dataset& data,
                                                 const Comm& comm);

// A checkpoint that is whole, but of other options, other data or another version.
struct OtherRun : InputError {
  using InputError::InputError;
};

// What reading every byte of a file against its CRCs found; the same on every rank.
struct VerifiedCheckpoint {
  std::optional<CheckpointHeader> header;  // empty: the file is damaged,
  std::string damage;                      // and why
};
// Collective. OtherRun when it is whole, but of another version of the format.
[[nodiscard]] VerifiedCheckpoint verify_checkpoint(const std::string& path, const Comm& comm);
// The header alone, for one process; InputError.
[[nodiscard]] CheckpointHeader read_checkpoint_header(const std::string& path);
// Collective; the file was verified. Fills what visit lists.
void load_checkpoint(const std::string& path, const VisitState& visit, const Dataset& data,
                     const Comm& comm);

// May `now` go on from a checkpoint of `then`? OtherRun that names the first thing that differs.
// What decides no bit may differ (decides_bits), and --rounds as long as it says more than are done
// (else InputError). The target may not; available: what this run can have (available_isa()), for
// the message. Programs of one version may differ in their identity: the caller must warn, because
// the bits may then differ.
void check_same_run(const std::string& path, const CheckpointHeader& then,
                    const CheckpointHeader& now, const std::string& available);

}  // namespace fedfuse
