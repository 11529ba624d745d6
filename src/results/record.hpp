#pragma once
// One run, as it is written: src/results/writer.cpp makes the HDF5 file and its JSON twin from it.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "results/identity.hpp"
#include "results/table.hpp"
#include "server/engine.hpp"

namespace fedfuse {

inline constexpr std::int64_t result_schema = 1;

// failed: it diverged; invalid: its numbers are refused (results/validity.hpp).
enum class RunStatus { running, finished, stopped_early, interrupted, failed, invalid };
template <>
inline constexpr auto choice_names<RunStatus> = std::array{
    Named{RunStatus::running, "running"},
    Named{RunStatus::finished, "finished"},
    Named{RunStatus::stopped_early, "stopped-early"},
    Named{RunStatus::interrupted, "interrupted"},
    Named{RunStatus::failed, "failed"},
    Named{RunStatus::invalid, "invalid"},
};

struct RunRecord {
  Config config;      // effective
  Identity identity;  // of the data, of config and of the program
  RunStatus status = RunStatus::running;
  std::string status_text;       // why it stopped or failed
  std::int64_t best_round = 0;   // 1-based; by validation NDCG@50; 0: none yet
  std::int64_t model_round = 0;  // the round after which the stored model stood
  // -> /metrics /time /traffic /groups /privacy /clock (per-round numbers)
  Table metrics, time, traffic, groups, privacy, clock;
  Table classes;    // -> /classes: a row a kind of device, at the quoted round
  Table activity;   // -> /activity: a row a group of clients by their interactions, as above
  Table work;       // -> /work: a row a rank, counted since the program was last started
  Table baselines;  // -> /baselines: row 0 popularity, row 1 cold-first
  // numbers of the whole run (schema.cpp): client_rounds_per_second, peak_memory_bytes_max, ...
  std::map<std::string, double> facts;
  // texts of the whole run: uploads_used, grouping_method, view_names, ...
  std::map<std::string, std::string> notes;
  // [round][local client], -1: none; empty without a teacher
  std::vector<std::vector<std::int32_t>> group_by_round;
  // G x M of the stored model; empty without a teacher
  Matrix<float> preferences;
  Matrix<float> group_embeddings;  // G x group_dim
  std::string provenance;          // JSON of provenance_json()
};

// Everything that can score: the model as stored and read back.
struct StoredModel {
  ModelSpec spec;
  GlobalModel global;
  ClientState state;
};

// The file being written was lost in the middle of a collective write (a disk that filled up after
// the space was asked for, a broken one). HDF5 cannot close such a file without the ranks waiting
// for each other, so it stays open, and the program must end without MPI_Finalize.
struct ResultFileLost : InputError {
  using InputError::InputError;
};

}  // namespace fedfuse
