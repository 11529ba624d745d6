#include "results/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text.hpp"
#include "results/model_io.hpp"

namespace fedfuse {

NotFinite::NotFinite(const std::string& file, const std::string& why)
    : InputError(cat("the model of ", file, " cannot be used"), why, "train again"), reason(why) {}

ModelFile::ModelFile(const h5::File& file, const Config& config, std::int64_t clients,
                     std::int64_t items)
    : file_(file),
      spec_(resolve(config)),
      matrices_(item_matrix_names(spec_, config)),
      clients_(clients),
      items_(items) {}

void ModelFile::require_finite(const std::string& name, std::span<const float> values,
                               std::int64_t width, std::int64_t first_row) const {
  const auto bad = std::ranges::find_if(values, [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  const auto row = first_row + (bad - values.begin()) / width;
  throw NotFinite(file_.path(), cat(name, " has a number that is not finite, in row ", row));
}

// Rows of an array of one row a client. width 0: 1-D.
Array<float> ModelFile::finite_rows(const std::string& name, std::int64_t first, std::int64_t count,
                                    std::int64_t width) const {
  const auto wanted = width == 0 ? h5::Dims{clients_} : h5::Dims{clients_, width};
  auto values = file_.read_rows<float>(name, first, count, wanted);
  require_finite(name, values, std::max<std::int64_t>(width, 1), first);
  return values;
}

Matrix<float> ModelFile::finite_matrix(const std::string& name, const h5::Dims& wanted) const {
  auto values = file_.read_matrix<float>(name, wanted);
  require_finite(name, values.span(), values.cols, 0);
  return values;
}

GlobalModel ModelFile::global() const {
  GlobalModel global;
  for (const auto& name : matrices_)
    global.views.push_back(finite_matrix("/model/" + name, {items_, spec_.view_width}));
  if (spec_.has_prior()) global.prior = finite_matrix("/model/prior", {items_, spec_.prior_groups});
  if (spec_.head.theta == 0) return global;
  global.theta = file_.read_all<float>("/model/theta", {spec_.head.theta});
  require_finite("/model/theta", global.theta, spec_.head.theta, 0);
  return global;
}

Matrix<float> ModelFile::base() const {
  if (!spec_.has_base) return {};
  return finite_matrix("/model/overlay_base", {items_, spec_.overlay_width()});
}

Matrix<float> ModelFile::preferences() const {
  if (!spec_.has_teacher || !file_.has("/groups/preferences")) return {};
  auto preferences = finite_matrix("/groups/preferences", {h5::any, items_});
  if (preferences.rows > spec_.most_groups)
    h5::Place{file_.path(), "/groups/preferences"}.refuse(
        cat("it has ", preferences.rows, " groups, and the run at most ", spec_.most_groups));
  return preferences;
}

Matrix<float> ModelFile::group_embeddings() const {
  if (!spec_.has_teacher || !file_.has("/groups/embeddings")) return {};
  return finite_matrix("/groups/embeddings", {h5::any, h5::any});
}

OverlayBlock ModelFile::overlay(std::int64_t first, std::int64_t count) const {
  const auto rows = file_.shape("/model/overlay_items");
  const std::int64_t total = rows.size() == 1 ? rows[0] : 0;
  const h5::Place place{file_.path(), "/model/overlay_offsets"};
  const auto offsets =
      file_.read_rows<std::int64_t>(place.inside, first, count + 1, {clients_ + 1});
  OverlayBlock block;
  block.before = offsets.front();
  if ((first == 0 && offsets.front() != 0) || offsets.front() < 0 || offsets.back() > total ||
      (first + count == clients_ && offsets.back() != total))
    place.refuse(cat("the rows from ", offsets.front(), " to ", offsets.back(), " of client ",
                     first, " and the next ones are not those of ", total, " rows"));
  for (std::int64_t k = 0; k < count; ++k) {
    const auto own = offsets[std::size_t(k) + 1] - offsets[std::size_t(k)];
    if (own < 0 || own > items_)
      place.refuse(cat("client ", first + k, " has ", own, " rows of ", items_, " items"));
    block.counts.push_back(std::int32_t(own));
  }
  const auto here = offsets.back() - offsets.front();
  block.items = file_.read_rows<std::int32_t>("/model/overlay_items", block.before, here, {total});
  check_items(block, first, items_, {file_.path(), "/model/overlay_items"});
  const auto width = spec_.overlay_width();
  block.rows = file_.read_rows<float>("/model/overlay_rows", block.before, here, {total, width});
  require_finite("/model/overlay_rows", block.rows, width, block.before);
  return block;
}

ClientRows ModelFile::clients(std::int64_t first, std::int64_t count) const {
  ClientRows rows;
  if (!spec_.shares_head && spec_.head.theta > 0)
    rows.theta = finite_rows("/model/client_theta", first, count, spec_.head.theta);
  if (spec_.head.user > 0)
    rows.user = finite_rows("/model/client_user", first, count, spec_.head.user);
  if (spec_.has_router)
    rows.router = finite_rows("/model/client_router", first, count, spec_.router.size);
  if (spec_.has_overlay()) rows.overlay = overlay(first, count);
  if (spec_.has_base) rows.base_scale = finite_rows("/model/overlay_base_scale", first, count, 0);
  if (spec_.has_prior())
    rows.shares = finite_rows("/model/client_shares", first, count, spec_.prior_groups);
  if (!spec_.has_teacher) return rows;
  const h5::Place place{file_.path(), "/model/client_group"};
  rows.group = file_.read_rows<std::int32_t>(place.inside, first, count, {clients_});
  for (std::int64_t k = 0; k < count; ++k)
    if (const auto group = rows.group[std::size_t(k)]; group < -1 || group >= spec_.most_groups)
      place.refuse(cat("client ", first + k, " is in group ", group, " of ", spec_.most_groups));
  return rows;
}

void ModelFile::check() const {
  static_cast<void>(global());
  static_cast<void>(base());
  static_cast<void>(preferences());
  static_cast<void>(group_embeddings());
  constexpr std::int64_t piece = 4096;
  for (std::int64_t first = 0; first < clients_; first += piece)
    static_cast<void>(clients(first, std::min(piece, clients_ - first)));
}

}  // namespace fedfuse
