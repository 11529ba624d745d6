// argv[1]: what happens on the last rank alone, while the others wait in a collective call (or, for
// "late", have done their work; for "nccl", for a sum over devices that never ends).
#include <new>
#include <stdexcept>
#include <string>

#include "app/exit_together.hpp"
#include "core/comm.hpp"
#include "core/error.hpp"
#include "tests/support/nccl_stand_in.hpp"

#ifdef FEDFUSE_HAVE_NCCL
namespace {
void a_link_breaks(const fedfuse::Comm& comm) {
  using namespace fedfuse;
  const auto device = gpu::open_emulated_device();
  const test::NcclStandIn nccl(device, comm, test::Fault::sum_breaks, comm.size() - 1);
  const auto chosen = gpu::choose_nccl(test::NcclStandIn::calls(), device, comm);
  const gpu::Stream stream(device);
  const gpu::Buffer<std::int64_t> words(device, 8);
  chosen.reducer->sum(words.data(), words.size(), stream);
  chosen.reducer->wait(stream);
}
}  // namespace
#endif

int main(int argc, char** argv) {
  const fedfuse::MpiSession session(argc, argv);
  const auto comm = fedfuse::Comm::world();
  const std::string what = argc > 1 ? argv[1] : "";
  const auto work = [&] {
    const bool last = comm.rank() == comm.size() - 1;
    if (last && what == "input")
      throw fedfuse::InputError("a file of one rank", "only this rank sees it", "look there");
    if (last && what == "memory") throw std::bad_alloc();
    if (last && what == "bug") throw std::runtime_error("out of range");
    if (last && what == "late")
      throw fedfuse::InputError("found late", "after the last collective call", "look there");
#ifdef FEDFUSE_HAVE_NCCL
    if (what == "nccl") a_link_breaks(comm);
#endif
    if (what != "late") comm.barrier();
  };
  return fedfuse::run_to_exit_code(comm, work, 0.5);
}
