#include "core/isa_agreement.hpp"

#include "core/environment.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

Isa agree_on_isa(const Targets& targets, const std::optional<std::string>& asked, Isa mine,
                 const Comm& comm) {
  const auto lowest = Isa(comm.min(std::int64_t(mine)));
  std::string where;
  if (comm.size() > 1) {
    const std::int64_t none = comm.size();
    const auto rank = comm.min(mine == lowest ? comm.rank() : none);
    auto host = host_name();
    comm.broadcast(host, int(rank));
    where = cat("rank ", rank, " on ", host);
  }
  auto level = Isa::generic;
  comm.together([&] { level = choose_isa(targets, asked, lowest, where); });
  const auto number = std::int64_t(level);
  if (comm.min(number) != comm.max(number))
    throw InputError("the ranks were told different targets", "each has an --isa of its own",
                     "give all ranks the same command line");
  return level;
}

}  // namespace fedfuse
