#pragma once
// NCCL's functions for a machine without its devices: sums over MPI on the emulated device's
// memory, as asynchronous as the real ones, and faults to order. Calls that NCCL would not forgive
// are counted.
#ifdef FEDFUSE_HAVE_NCCL
#include <atomic>
#include <memory>
#include <vector>

#include "core/gpu/nccl_reducer.hpp"

namespace fedfuse::test {

enum class Fault {
  none,
  init_refused,     // by the call itself; the other ranks wait for this one without end
  init_fails,       // so, but some time later
  init_echoes,      // so, and lower ranks see that another rank failed
  init_never_ends,  // of one rank, or of all
  trial_never_ends,
  trial_wrong,
  sum_refused,  // a later one
  sum_breaks    // a later one: never ends, and on the chosen rank there is an error after a while
};

class NcclStandIn {
 public:
  static constexpr int all = -1;
  NcclStandIn(std::shared_ptr<gpu::Device> device, const Comm& comm, Fault fault = Fault::none,
              int on_rank = all);
  ~NcclStandIn();  // what was aborted but does not come back does so now
  NcclStandIn(const NcclStandIn&) = delete;
  NcclStandIn& operator=(const NcclStandIn&) = delete;
  [[nodiscard]] static gpu::NcclCalls calls();  // of the one that lives
  void let_aborts_hang() { aborts_hang_ = true; }

  [[nodiscard]] int made() const { return int(communicators_.size()); }
  [[nodiscard]] int aborted() const { return aborted_; }
  [[nodiscard]] int destroyed() const { return destroyed_; }
  [[nodiscard]] int misused() const { return misused_; }

 private:
  struct Functions;
  friend struct Functions;
  [[nodiscard]] bool here(Fault fault) const {
    return fault == fault_ && (rank_ == all || rank_ == comm_.rank());
  }
  std::shared_ptr<gpu::Device> device_;
  Comm comm_;
  Fault fault_;
  int rank_;
  std::atomic<bool> aborts_hang_ = false;
  std::atomic<int> aborted_ = 0, aborting_ = 0;
  int destroyed_ = 0, misused_ = 0;
  std::vector<std::shared_ptr<ncclComm>> communicators_;
};

}  // namespace fedfuse::test
#endif
