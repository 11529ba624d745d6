#include "app/run_outputs.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "clients/local_round.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/data_hash.hpp"
#include "data/read_dataset.hpp"
#include "privacy/plan.hpp"
#include "results/checkpoint_files.hpp"
#include "results/output_space.hpp"
#include "results/reader.hpp"
#include "results/record.hpp"

namespace fedfuse {
namespace {

// Of the result at that path; nothing where there is none of ours.
std::optional<ResultSummary> result_at(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  try {
    return read_summary(path);
  } catch (const std::exception&) {  // damaged, or another program's
    return std::nullopt;
  }
}

// A result that its own run did not finish: --resume may replace it.
bool is_unfinished_result(const std::string& path) {
  const auto result = result_at(path);
  return result && (result->record.status == RunStatus::running ||
                    result->record.status == RunStatus::interrupted);
}

// then: effective, as a result records it. now: as it was given.
bool same_options(const Config& then, Config now, const ResultSummary& of) {
  now = with_privacy(with_rates(now, of.items), of.clients);
  if (!now.device.kind) now.device = then.device;
  now.files = then.files;
  now.execution = then.execution;
  now.restart = then.restart;
  return now == then;
}

bool same_data(const RunRecord& record, const std::string& path) {
  try {
    const auto alone = Comm::without_mpi();
    return record.identity.data == data_hash(read_dataset(path, alone), alone);
  } catch (const std::exception&) {
    return false;
  }
}

std::string done_in(const Config& config) {
  const auto result = result_at(config.files.out);
  if (!result) return "";
  const auto& record = result->record;
  const bool ended =
      record.status == RunStatus::finished || record.status == RunStatus::stopped_early;
  if (!ended || !same_options(record.config, config, *result) ||
      !same_data(record, config.files.data))
    return "";
  return cat(config.files.out, " is finished: ", record.status_text,
             "; nothing is left to do, and nothing was changed");
}

std::optional<FileState> state_at(const std::string& path) {
  struct stat s{};
  if (::lstat(path.c_str(), &s) != 0) return std::nullopt;
  return FileState{std::int64_t(s.st_dev), std::int64_t(s.st_ino), std::int64_t(s.st_size),
                   std::int64_t(s.st_mtim.tv_sec), std::int64_t(s.st_mtim.tv_nsec)};
}

std::vector<NamedPath> everything_written(const Config& config) {
  std::vector<NamedPath> outputs{{"--out", config.files.out},
                                 {"the JSON twin of --out", twin_path(config.files.out)}};
  for (const auto& file : CheckpointFiles(config.files.out).found())
    outputs.push_back({"a checkpoint of --out", file.path});
  return outputs;
}

}  // namespace

std::string why_done(const Config& config, const Comm& comm) {
  std::string why;
  if (config.restart.resume) comm.on_root([&] { why = done_in(config); });
  comm.broadcast(why);
  return why;
}

RunOutputs::RunOutputs(const Config& config, const std::string& config_file, const Comm& comm)
    : out_(config.files.out), twin_(twin_path(out_)), overwrite_(config.files.overwrite) {
  const std::vector<NamedPath> inputs{{"--data", config.files.data}, {"--config", config_file}};
  std::int64_t ours = 0;
  comm.on_root([&] {
    check_result_path(out_);
    check_outputs_differ(everything_written(config), inputs);
    const auto found = CheckpointFiles(out_).found();
    if (!found.empty() && !config.restart.resume && !overwrite_)
      throw InputError(
          cat("cannot write ", out_),
          cat("a checkpoint of an earlier run stands beside it: ", found.front().path),
          "add --resume to go on from it, or --overwrite to remove it, or choose another --out");
    ours = config.restart.resume && (!found.empty() || is_unfinished_result(out_)) ? 1 : 0;
    if (ours == 1) wrote();
  });
  const bool replace = overwrite_ || comm.max(ours) == 1;
  claims_.emplace(std::vector<NamedPath>{{"--out", out_}, {"the JSON twin of --out", twin_}},
                  inputs, replace, comm);
  check_writable(out_, replace, comm);
}

bool RunOutputs::may_replace(const std::string& path, const std::optional<FileState>& ours) const {
  const auto there = state_at(path);
  return overwrite_ || !there || there == ours;
}

Existing RunOutputs::existing() const {
  const bool nothing_there = !identity_at(out_) && !identity_at(twin_);
  const bool ours = may_replace(out_, our_result_) && may_replace(twin_, our_twin_);
  return overwrite_ || (ours && !nothing_there) ? Existing::replace : Existing::keep_beside;
}

void RunOutputs::wrote() {
  our_result_ = state_at(out_);
  our_twin_ = state_at(twin_);
}

}  // namespace fedfuse
