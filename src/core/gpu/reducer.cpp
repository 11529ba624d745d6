#include "core/gpu/reducer.hpp"

#include "core/gpu/nccl_reducer.hpp"

namespace fedfuse::gpu {
namespace {

class EmulatedReducer final : public Reducer {
 public:
  explicit EmulatedReducer(const Comm& comm) : comm_(comm) {}
  void sum(std::int64_t* words, std::size_t count, const Stream& stream) override {
    enqueue_emulated(stream, [this, words, count] { comm_.sum({words, count}); });
  }
  void wait(const Stream& stream) override { stream.synchronise(); }  // MPI's errors are exceptions

 private:
  Comm comm_;
};

}  // namespace

std::unique_ptr<Reducer> make_emulated_reducer(const Comm& comm) {
  return std::make_unique<EmulatedReducer>(comm);
}

ChosenReducer no_reducer(const std::string& why) {
  return {nullptr, "mpi over pinned host memory: " + why};
}

ChosenReducer choose_reducer(const std::shared_ptr<Device>& device, std::int64_t ranks_on_device,
                             const Comm& comm) {
  if (comm.size() == 1) return {nullptr, "none"};
  if (device->info().emulated)
    return {make_emulated_reducer(comm), "mpi on the emulated device's memory"};
  if (ranks_on_device > 1) return no_reducer("ranks share a device");
#ifdef FEDFUSE_HAVE_NCCL
  return choose_nccl(load_nccl(), device, comm);
#else
  return no_reducer("built without NCCL 2.14 or later");
#endif
}

}  // namespace fedfuse::gpu
