#pragma once
// Sums over the devices of all ranks, device to device. Integers: the same bits as MPI's.
#include <cstdint>
#include <memory>
#include <string>

#include "core/comm.hpp"
#include "core/gpu/device.hpp"

namespace fedfuse::gpu {

class Reducer {
 public:
  Reducer() = default;
  virtual ~Reducer() = default;
  Reducer(const Reducer&) = delete;
  Reducer& operator=(const Reducer&) = delete;
  // Collective; in place; asynchronous on the stream.
  virtual void sum(std::int64_t* words, std::size_t count, const Stream& stream) = 0;
  // In place of stream.synchronise() where sums are on the stream, or what waits for them: a sum
  // that broke is an error here, where a stream would be waited for without end.
  virtual void wait(const Stream& stream) = 0;
};

struct ChosenReducer {
  std::unique_ptr<Reducer> reducer;  // null: sums go over MPI through pinned host memory
  std::string name;                  // for the record: nccl, or mpi and why
};
// NCCL where it was built in, its library can be loaded and works, and no two ranks share a device,
// which it refuses. Collective. ranks_on_device: of the device that is shared most.
[[nodiscard]] ChosenReducer choose_reducer(const std::shared_ptr<Device>& device,
                                           std::int64_t ranks_on_device, const Comm& comm);
[[nodiscard]] ChosenReducer no_reducer(const std::string& why);

// For the emulated device, whose memory MPI can read.
[[nodiscard]] std::unique_ptr<Reducer> make_emulated_reducer(const Comm& comm);

}  // namespace fedfuse::gpu
