#pragma once
// THE table of models.md section 2: a backbone is data. To add one of existing parts, add a row.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/model.hpp"

namespace fedfuse {

struct Backbone {
  std::string_view name;
  HeadKind head;               // default head
  HeadKind head_with_teacher;  // default head when GFMFR distils
  // the head's weights are averaged after the round (user vectors never are)
  bool shares_head;
  bool shares_head_with_teacher;
  bool personal_rows;      // FedRAP: z_i = c_i + P_u[i], kept between rounds
  bool keeps_tuned_rows;   // PFedRec: the client scores with the rows it fine-tuned
  bool weighs_by_samples;  // alpha_u = n_u / sum n, else 1 / |S|
};

[[nodiscard]] std::span<const Backbone> backbones();
[[nodiscard]] std::vector<std::string> backbone_names();
[[nodiscard]] const Backbone& find_backbone(std::string_view name);  // InputError when unknown

}  // namespace fedfuse
