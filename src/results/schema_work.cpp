#include "results/schema_work.hpp"

#include "core/comm.hpp"
#include "core/text.hpp"

namespace fedfuse {

std::vector<Field> work_fields() {
  std::vector<Field> list{
      {"work_rank", "1", "the rank"},
      {"work_rounds", "rounds", "rounds that are counted: since the program was last started"},
      {"work_turns", "1",
       "trainings of a client, those of a second pass and of a repeated one included; not counted "
       "on a device"},
      {"work_samples", "1", "samples of all steps of these"},
      {"work_training_flop", "FLOP", "of these, by the formula of local_train"},
      {"work_decoded", "1", "numbers of sums that became rows of the next model or targets"},
      {"work_teacher_flop", "FLOP", "of the teacher's steps and preferences"},
      {"work_views_flop", "FLOP", "of the item views, there and back, and their optimizer's step"},
      {"work_evaluation_flop", "FLOP", "of the clients' ranks, by the formula of rank"},
      {"work_array_bytes", "B", "arrays and matrices that were held at once in these rounds"},
      {"work_sent_bytes", "B",
       "bytes that the rank sends at least: of a sum of n bytes 2 n (P - 1) / P"},
  };
  for (const std::string verb : verb_names) {
    list.push_back({cat("work_", verb, "_bytes"), "B", cat("bytes that it gave to ", verb)});
    list.push_back({cat("work_", verb, "_calls"), "1", cat("its calls of ", verb)});
  }
  return list;
}

}  // namespace fedfuse
