#include "results/provenance.hpp"

#include <H5public.h>
#include <gnu/libc-version.h>
#include <mpi.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <map>
#include <sstream>

#include "core/denormals.hpp"
#include "core/gpu/device.hpp"
#include "core/isa.hpp"
#include "core/sha256.hpp"
#include "fedfuse_build_config.hpp"
#include "fedfuse_build_info.hpp"
#include "results/json_text.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

// An HDF5 attribute holds 64 KiB: long command lines and long host lists are cut, and say so.
constexpr std::size_t longest_argument = 2048, most_argument_bytes = 16384, most_hosts = 256;
#ifdef FEDFUSE_TARGET_FLAGS
constexpr const char* compiler_flags = FEDFUSE_COMPILER_FLAGS " " FEDFUSE_TARGET_FLAGS;
#else
constexpr const char* compiler_flags = FEDFUSE_COMPILER_FLAGS;
#endif
constexpr std::size_t longest_name = 20;  // of a line of build_text(), as in identity_words()

Json command_line(const std::vector<std::string>& argv) {
  Json list = Json::array();
  std::size_t bytes = 0;
  for (const auto& argument : argv) {
    bytes += std::min(argument.size(), longest_argument);
    if (bytes > most_argument_bytes) {
      list.push_back("... (" + std::to_string(argv.size() - list.size()) + " more)");
      break;
    }
    list.push_back(argument.size() > longest_argument ? argument.substr(0, longest_argument) + "..."
                                                      : argument);
  }
  return list;
}

// Ranks by host name.
Json hosts(const Comm& comm) {
  std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
  int length = 0;
  MPI_Get_processor_name(name.data(), &length);
  const auto all = comm.all_gather(std::span<const char>(name));
  std::map<std::string, int> ranks;
  for (std::size_t at = 0; at < all.size(); at += name.size())
    ++ranks[std::string(all.data() + at)];
  Json list = Json::object();
  for (const auto& [host, n] : ranks) {
    if (list.size() == most_hosts) {
      list["..."] = ranks.size() - most_hosts;
      break;
    }
    list[host] = n;
  }
  return list;
}

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string whole(text.data());
  return whole.substr(0, whole.find_first_of("\n,"));
}

std::string now_utc() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

// What clients trained on: kind; name on rank 0; how many ranks use each UUID; how sums went over
// the ranks; where clients were ranked and where their state lived.
Json device_json(const EngineFacts& engine, const Comm& comm) {
  Json device = {{"kind", text_of(engine.device)},
                 {"reduction", engine.reduction},
                 {"ranking", text_of(engine.ranking)},
                 {"state", text_of(engine.state)}};
  const auto line = engine.uuid + "\n";
  const auto all = comm.all_gather(std::span<const char>(line.data(), line.size()));
  if (engine.device == DeviceKind::cpu && gpu::count_devices() == 0)
    device["cuda"] = "skipped: " + gpu::why_none();
  if (engine.device == DeviceKind::cpu) return device;
  device["name"] = engine.name;
  device["driver"] = engine.driver;
  auto& ranks = device["ranks_of_uuid"] = Json::object();
  std::istringstream lines(std::string(all.begin(), all.end()));
  for (std::string uuid; std::getline(lines, uuid);) ranks[uuid] = ranks.value(uuid, 0) + 1;
  return device;
}

// The widest of each family that the compiler was allowed to use.
std::string instruction_set() {
  std::string names;
#if defined(__AVX512F__)
  names += " avx512f";
#elif defined(__AVX2__)
  names += " avx2";
#elif defined(__AVX__)
  names += " avx";
#elif defined(__SSE4_2__)
  names += " sse4.2";
#elif defined(__SSE2__)
  names += " sse2";
#endif
#ifdef __FMA__
  names += " fma";
#endif
#ifdef __AVX512BF16__
  names += " avx512bf16";
#endif
#ifdef __AMX_TILE__
  names += " amx";
#endif
#if defined(__ARM_FEATURE_SVE)
  names += " sve";
#elif defined(__ARM_NEON)
  names += " neon";
#endif
  return names.empty() ? "unknown" : names.substr(1);
}

Json dirty_flag() {
  const std::string text = FEDFUSE_GIT_DIRTY;
  if (text == "unknown") return nullptr;
  return text == "true";
}

}  // namespace

std::string version_text() {
  const auto dirty = dirty_flag();
  const bool modified = dirty.is_boolean() && dirty.get<bool>();
  return "fedfuse " FEDFUSE_VERSION " (commit " + std::string(FEDFUSE_GIT_SHA).substr(0, 12) +
         (modified ? ", modified)" : ")");
}

std::string build_text() {
  const auto line = [](const std::string& name, const std::string& value) {
    return "  " + name + std::string(longest_name - name.size(), ' ') + value + "\n";
  };
  return line("target", own_target()) +
         line("compiler",
              FEDFUSE_COMPILER_ID " " FEDFUSE_COMPILER_VERSION ", " FEDFUSE_BUILD_TYPE) +
         line("flags", compiler_flags) + line("instruction set", instruction_set()) +
         line("denormals", flushes_denormals() ? "are 0" : "are kept") +
         line("MPI", mpi_library()) + line("HDF5", H5_VERS_INFO) +
         line("CUDA", FEDFUSE_CUDA_REPORT) + line("NCCL", FEDFUSE_NCCL_REPORT);
}

std::string program_hash() {
  const nlohmann::json deciding{{"version", FEDFUSE_VERSION},
                                {"git_sha", FEDFUSE_GIT_SHA},
                                {"git_dirty", FEDFUSE_GIT_DIRTY},
                                {"git_changes", FEDFUSE_GIT_CHANGES},
                                {"compiler", FEDFUSE_COMPILER_ID " " FEDFUSE_COMPILER_VERSION},
                                {"compiler_flags", compiler_flags},
                                {"build_type", FEDFUSE_BUILD_TYPE},
                                {"target", own_target()},
                                {"instruction_set", instruction_set()},
                                {"eigen", FEDFUSE_EIGEN_VERSION},
                                {"cuda", FEDFUSE_CUDA_REPORT},
                                {"libc", gnu_get_libc_version()}};
  return sha256_hex(deciding.dump());
}

std::string provenance_json(const std::vector<std::string>& argv, std::int64_t threads,
                            const Comm& comm, const EngineFacts& engine) {
  Json p = Json::object();
  p["program"] = "fedfuse";
  p["version"] = FEDFUSE_VERSION;
  p["git_sha"] = FEDFUSE_GIT_SHA;
  p["git_dirty"] = dirty_flag();
  p["libc"] = gnu_get_libc_version();
  p["eigen"] = FEDFUSE_EIGEN_VERSION;
  p["started_utc"] = now_utc();
  p["argv"] = command_line(argv);
  p["ranks"] = comm.size();
  p["threads"] = threads;
  p["hosts"] = hosts(comm);
  p["compiler"] = FEDFUSE_COMPILER_ID " " FEDFUSE_COMPILER_VERSION;
  p["compiler_flags"] = compiler_flags;
  p["target"] = own_target();
  p["instruction_set"] = instruction_set();
  p["build_type"] = FEDFUSE_BUILD_TYPE;
  p["mpi"] = mpi_library();
  p["hdf5"] = H5_VERS_INFO;
  p["cuda"] = FEDFUSE_CUDA_REPORT;
  p["nccl"] = FEDFUSE_NCCL_REPORT;
  p["device"] = device_json(engine, comm);
  auto text = json_text(p);
  comm.broadcast(text);  // one clock for all: the file is written by all ranks
  return text;
}

std::string resumed_provenance(const std::string& first, const std::string& own,
                               std::int64_t round) {
  constexpr std::size_t most = 64;  // an attribute holds 64 KiB
  auto p = Json::parse(first, nullptr, false);
  const auto now = Json::parse(own, nullptr, false);
  if (!p.is_object() || !now.is_object()) return own;
  p["resumed_times"] = p.value("resumed_times", 0) + 1;
  auto& list = p["resumed"];
  Json entry = {{"after_round", round}};
  for (const char* key : {"started_utc", "ranks", "threads", "git_sha"})
    entry[key] = now.value(key, Json());
  list.push_back(entry);
  if (list.size() > most) list.erase(list.begin());
  return json_text(p);
}

}  // namespace fedfuse
