#include "results/schema.hpp"

#include <array>

#include "core/cutoffs.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "results/schema_scenarios.hpp"
#include "results/schema_work.hpp"

namespace fedfuse {
namespace {

constexpr std::array<const char*, 2> splits{"valid", "test"};

std::string split_words(const std::string& split) {
  return split == "valid" ? "validation" : "test";
}

// {valid,test}_{hr,ndcg}_{10,20,50}<suffix>, behind a prefix.
void add_quality(std::vector<Field>& list, const std::string& prefix, const std::string& suffix,
                 const std::string& of) {
  for (const std::string split : splits)
    for (const int k : cutoffs) {
      list.push_back(
          {cat(prefix, split, "_hr_", k, suffix), "1",
           cat("share of clients whose ", split_words(split), " item is among the first ", k, of)});
      list.push_back({cat(prefix, split, "_ndcg_", k, suffix), "1",
                      cat("mean over clients of [rank <= ", k, "] / log2(1 + rank) of the ",
                          split_words(split), " item", of)});
    }
}

std::vector<Field> metric_fields() {
  std::vector<Field> list{
      {"round", "1", "round, counted from 1"},
      {"loss", "1", "mean local training loss of the participants, all terms"},
      {"loss_recommendation", "1", "its binary cross-entropy"},
      {"loss_distillation", "1",
       "its Kullback-Leibler term towards the group's preferences, before the factor lambda"},
      {"participants", "clients", "clients that took part in the round"},
      {"sum_range_log2", "1",
       "b: the sums of the round take |x| < 2^b; the largest range of all kinds of numbers"},
  };
  add_quality(list, "", "", "");
  add_quality(list, "", "_warm", "; only held-out items that somebody trains on");
  add_quality(list, "", "_cold", "; only held-out items in nobody's training set");
  for (const std::string split : splits) {
    list.push_back({split + "_clients", "clients",
                    cat("clients evaluated on their ", split_words(split), " item")});
    list.push_back(
        {split + "_clients_warm", "clients", "... of them those whose held-out item is warm"});
    list.push_back(
        {split + "_clients_cold", "clients", "... of them those whose held-out item is cold"});
  }
  list.push_back({"skipped_cold", "items",
                  "held-out items left out by --cold-items exclude, validation and test"});
  add_quality(list, "teacher_", "", ", ranked by the preferences of the client's group");
  for (const int k : cutoffs)
    list.push_back({cat("er_", k), "1",
                    cat("share of honest clients without the attacked item who have it among the "
                        "first ",
                        k)});
  list.push_back({"distill_lambda", "1", "lambda_r that the clients used in the round"});
  list.push_back({"teacher_loss", "1",
                  "loss of the teacher's last epoch (group-prior: step; closed: of scores)"});
  return list;
}

std::vector<Field> time_fields() {
  std::vector<Field> list;
  for (const std::string phase : phase_names)
    for (const std::string statistic : {"min", "mean", "max"})
      list.push_back({cat(phase, "_", statistic), "s",
                      cat(statistic, " over ranks of the seconds of phase ", phase)});
  for (const std::string statistic : {"min", "mean", "max"})
    list.push_back(
        {"communication_" + statistic, "s",
         cat(statistic, " over ranks of the seconds inside MPI, in all phases, waiting included")});
  list.push_back({"round_s", "s", "wall-clock seconds of the round, the slowest rank"});
  list.push_back({"imbalance", "1", "max / mean over ranks of the seconds of training"});
  list.push_back({"client_rounds_per_second", "1/s",
                  "participants per second of the slowest rank's training"});
  for (const auto& field : secure_time_fields()) list.push_back(field);
  return list;
}

std::vector<Field> traffic_fields() {
  std::vector<Field> list;
  const auto both = [&](const std::string& name, const std::string& meaning) {
    list.push_back({name, "B", meaning + ", mean over participants"});
    list.push_back({name + "_total", "B", meaning + ", sum over participants"});
  };
  both("dense_down", "bytes to a client when whole tables are sent");
  both("dense_up", "bytes from a client when whole tables are sent");
  both("sparse_down", "bytes to a client when only what it reads is sent");
  both("sparse_up", "bytes from a client when only touched rows are sent");
  both("raw_multimodal_down", "bytes that sending the raw text and image features would add");
  list.push_back({"moved_sum", "B", "bytes that the ranks really summed (int64 words), all ranks"});
  list.push_back(
      {"moved_gather", "B", "bytes that the ranks really gathered or exchanged, all ranks"});
  list.push_back({"parameters_on_client", "1",
                  "parameters that a client holds in the round, mean over participants"});
  return list;
}

std::vector<Field> group_fields() {
  return {
      {"groups", "1", "number of groups with members"},
      {"largest", "clients", "members of the largest group"},
      {"smallest", "clients", "members of the smallest group"},
      {"moved", "clients", "participants whose group changed in the round"},
      {"components", "1", "columns that were clustered, after PCA"},
      {"agreement", "1", "adjusted Rand index of the groups with the labels in the data"},
  };
}

// Of clients that the record tells apart, under this prefix.
void add_quality(std::vector<Field>& list, const std::string& prefix) {
  list.push_back(
      {prefix + "_test_clients", "clients", "of them, those evaluated on their test item"});
  for (const std::string split : splits)
    for (const auto& [metric, name] : {std::pair{"_hr_50", "HR@50"}, {"_ndcg_50", "NDCG@50"}})
      list.push_back({cat(prefix, "_", split, metric), "1",
                      cat(name, " of their ", split_words(split), " items, at the quoted round")});
}

std::vector<Field> class_fields() {
  std::vector<Field> list{
      {"class_clients", "clients", "clients with such a device"},
      {"class_deliveries", "1",
       "mean over them of the rounds that they took part in, up to the quoted round"},
  };
  add_quality(list, "class");
  return list;
}

std::vector<Field> activity_fields() {
  std::vector<Field> list{
      {"activity_least", "1", "fewest training interactions of a client of the group"},
      {"activity_most", "1", "most of them; NaN: no bound"},
      {"activity_clients", "clients", "clients with so many training interactions"},
  };
  add_quality(list, "activity");
  return list;
}

std::vector<Field> fact_fields() {
  std::vector<Field> list{
      {"clients", "clients", "clients of the data set"},
      {"items", "items", "items of the data set"},
      {"train_interactions", "1", "training interactions of the data set"},
      {"short_clients", "clients",
       "clients with fewer than 3 interactions: trained, not evaluated"},
      {"missing_text", "1", "share of items without text features"},
      {"missing_image", "1", "share of items without image features"},
      {"rounds_done", "1", "rounds that were run"},
      {"ranks", "1", "MPI ranks"},
      {"threads", "1", "OpenMP threads of a rank"},
      {"best_valid_ndcg_50", "1", "validation NDCG@50 at best_round"},
      {"rounds_after_best", "rounds", "rounds that were run after best_round"},
      {"rising_at_end", "1",
       "1: the best validation NDCG@50 of the last tenth of the evaluations (at least 3) is more "
       "than 1 % above that of all before; 0: it is not"},
      {"client_rounds_per_second", "1/s",
       "participants of all rounds per second of their training (slowest rank)"},
      {"training_seconds", "s", "seconds of the training phase, all rounds (slowest rank)"},
      {"total_seconds", "s", "seconds from the start of the program to the final result file"},
      {"setup_seconds", "s", "seconds before the first round"},
      {"bytes_down_per_client", "B", "dense protocol, mean over rounds and participants"},
      {"bytes_up_per_client", "B", "dense protocol, mean over rounds and participants"},
      {"sparse_bytes_down_per_client", "B", "sparse protocol, mean over rounds and participants"},
      {"sparse_bytes_up_per_client", "B", "sparse protocol, mean over rounds and participants"},
      {"checkpoints", "1", "checkpoints written since the program was last started"},
      {"checkpoint_seconds", "s",
       "seconds that the run stood still for all of them (slowest rank)"},
      {"checkpoint_bytes", "B", "size of the last of them"},
      {"sum_range_log2", "1", "the range of the sums at the end, as in the table of the rounds"},
      {"ranks_that_differ", "1", "ranks whose shared model has other bits than that of rank 0"},
      {"upload_bytes", "B", "memory for the uploads of one round, the largest rank"},
      {"ranks_on_device", "1", "ranks that share a device, at most"},
      {"device_needed_bytes", "B",
       "device memory that was planned before anything was allocated, the largest rank"},
      {"device_high_water_bytes", "B", "device memory that was held at once, the largest rank"},
      {"epsilon", "1", "spent by all rounds that were run, at delta; see the note epsilon_covers"},
      {"delta", "1", "the delta of that epsilon"},
      {"noise_multiplier", "1", "z: the noise on the sums over C"},
      {"simulated_seconds", "s", "of all rounds that were run; see the note participation"},
      {"simulated_seconds_to_best", "s", "... of those up to best_round"},
      {"wasted_share", "1", "wasted_client_s over client_s, of all rounds"},
      {"secure_degree", "clients", "k: clients that one shares masks with"},
      {"secure_threshold", "shares", "t: shares that give a secret back"},
      {"secure_upload_words", "1", "words of an upload that masks would hide"},
      {"secure_client_s", "s",
       "CPU seconds of a client's turn, extrapolated; see the note secure_sum"},
      {"secure_server_s", "s", "... of the server in a round"},
      {"client_state_bytes", "B", "memory for what stays on the clients, all ranks"},
      {"encoder_flops_server", "FLOP",
       "of a round of the server's views, all items, there and back; a multiply-add is two"},
      {"encoder_flops_client", "FLOP",
       "of a client and round if clients ran the same operators on the items of their samples"},
      {"encoder_parameters", "1", "parameters of these operators, that clients would hold"},
      {"parameters_on_client", "1",
       "parameters that a client holds, mean over rounds and participants"},
  };
  for (const std::string statistic : {"min", "mean", "max"})
    list.push_back({"peak_memory_bytes_" + statistic, "B",
                    cat(statistic, " over ranks of the resident set's high-water mark")});
  return list;
}

std::vector<Field> note_fields() {
  return {
      {"data_name", "", "name of the data set"},
      {"view_names", "", "item views that the server sends, in order"},
      {"uploads_used", "", "how uploads reached the groups: store or replay"},
      {"device", "", "what clients trained on: cpu, cuda or emulated"},
      {"grouping_method", "", "how the participants were clustered in the last grouping"},
      {"head_used", "", "head after --head auto was resolved"},
      {"rated_items_visible", "", "whether a server that looks learns a client's rated items"},
      {"attack", "", "who attacks, and which item"},
      {"upload_noise", "", "that noise on uploads is an experiment"},
      {"participation", "", "what the simulated clock is a model of, and what it leaves out"},
      {"device_classes", "", "the kinds of devices, in the order of the rows of /classes"},
      {"participation_files", "", "SHA-256 of the files of classes and availability"},
      {"secure_sum", "", "what of a secure sum was emulated, and what its seconds are of"},
      {"trust", "", "what the server sees of a client"},
      {"epsilon_covers", "", "what epsilon speaks of, and between which neighbours"},
      {"epsilon_excludes", "", "what it does not speak of"},
  };
}

const Field* find_in(const std::vector<Field>& list, std::string_view name) {
  for (const auto& field : list)
    if (field.name == name) return &field;
  return nullptr;
}

const Field* column_named(std::string_view name) {
  for (const auto section :
       {Section::metrics, Section::time, Section::traffic, Section::groups, Section::privacy,
        Section::clock, Section::classes, Section::activity, Section::work})
    if (const auto* field = find_field(section, name)) return field;
  return nullptr;
}

}  // namespace

const std::vector<Field>& fields(Section section) {
  static const std::array<std::vector<Field>, 11> lists{
      metric_fields(),  time_fields(),  traffic_fields(), group_fields(),
      privacy_fields(), clock_fields(), class_fields(),   activity_fields(),
      work_fields(),    fact_fields(),  note_fields()};
  return lists[std::size_t(section)];
}

bool is_column(std::string_view name) { return column_named(name) != nullptr; }

const Field* find_field(Section section, std::string_view name) {
  return find_in(fields(section), name);
}

const Field& find_column(std::string_view name) {
  if (const auto* field = column_named(name)) return *field;
  throw InternalError(cat("no table has a column \"", name,
                          "\": add it to results/schema.cpp with its unit and meaning"));
}

}  // namespace fedfuse
