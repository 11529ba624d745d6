// The part of the record that tells what each rank did.
#include "app/recorder.hpp"
#include "core/array_bytes.hpp"
#include "core/text.hpp"
#include "results/schema.hpp"

namespace fedfuse {
namespace {

// What was done since `before`.
Work since(const Work& before, const Work& now) {
  return {.training = {now.training.turns - before.training.turns,
                       now.training.samples - before.training.samples,
                       now.training.flop - before.training.flop},
          .decoded = now.decoded - before.decoded,
          .teacher_flop = now.teacher_flop - before.teacher_flop,
          .views_flop = now.views_flop - before.views_flop,
          .evaluation_flop = now.evaluation_flop - before.evaluation_flop};
}

}  // namespace

void Recorder::begin_round(const Federation& federation) {
  if (counted_rounds_ == 0) ArrayBytes::restart_most();
  moved_before_ = comm_.moved();
  work_before_ = federation.work();
}

void Recorder::work(const Federation& federation, const Moved& moved,
                    std::int64_t evaluation_flop) {
  ++counted_rounds_;
  work_ += since(work_before_, federation.work());
  work_.evaluation_flop += evaluation_flop;
  moved_.sent += moved.sent - moved_before_.sent;
  for (std::size_t v = 0; v < verb_count; ++v) {
    moved_.bytes[v] += moved.bytes[v] - moved_before_.bytes[v];
    moved_.calls[v] += moved.calls[v] - moved_before_.calls[v];
  }
}

void Recorder::finish_work(const Federation& federation) {
  std::vector<std::pair<std::string, double>> mine{
      {"work_rank", double(comm_.rank())},
      {"work_rounds", double(counted_rounds_)},
      {"work_decoded", double(work_.decoded)},
      {"work_teacher_flop", double(work_.teacher_flop)},
      {"work_views_flop", double(work_.views_flop)},
      {"work_evaluation_flop", double(work_.evaluation_flop)},
      {"work_array_bytes", double(ArrayBytes::most())},
      {"work_sent_bytes", double(moved_.sent)}};
  if (federation.engine().turns()) {
    mine.emplace_back("work_turns", double(work_.training.turns));
    mine.emplace_back("work_samples", double(work_.training.samples));
    mine.emplace_back("work_training_flop", double(work_.training.flop));
  }
  for (std::size_t v = 0; v < verb_count; ++v) {
    mine.emplace_back(cat("work_", verb_names[v], "_bytes"), double(moved_.bytes[v]));
    mine.emplace_back(cat("work_", verb_names[v], "_calls"), double(moved_.calls[v]));
  }
  std::vector<double> values;
  for (const auto& [name, value] : mine) values.push_back(value);
  const auto all = comm_.all_gather(std::span<const double>(values));
  record.work = {};
  for (std::size_t at = 0; at < all.size();) {
    record.work.begin_row();
    for (const auto& [name, value] : mine) record.work.set(name, all[at++]);
  }
}

}  // namespace fedfuse
