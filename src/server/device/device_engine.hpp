#pragma once
// The engine of a device. What lives there: interactions, views, preferences, all sums; clients'
// private heads, user vectors and routers, and the uploads of a round, when they fit. What crosses
// a round: views, heads and preferences in; sums and a few numbers a client out. State that does
// not fit stays with the host and crosses with its chunk, both ways, while another trains; FedRAP's
// and PFedRec's rows always do.
#include <functional>
#include <map>

#include "clients/sampler.hpp"
#include "core/gpu/reducer.hpp"
#include "kernels/local_train/local_train_gpu.hpp"
#include "server/device/choose.hpp"
#include "server/device/chunk_workspace.hpp"
#include "server/device/engine_buffers.hpp"
#include "server/device/memory_plan.hpp"
#include "server/device/resident_state.hpp"
#include "server/device/sums_to_host.hpp"
#include "server/engine.hpp"

namespace fedfuse {

class DeviceEngine final : public Engine {
 public:
  // What it is given must outlive it. limits: of a chunk, at most. InputError when the device has
  // too little memory.
  DeviceEngine(const Config& config, const ModelSpec& spec, const Dataset& data,
               ChosenDevice chosen, int threads, const ChunkLimits& limits = {},
               gpu::ChosenReducer reducer = {nullptr, "mpi over pinned host memory"});

  Misfit train(const std::vector<std::int32_t>& local, const RoundInputs& inputs, Trained& trained,
               RoundSums& sums) override;
  Misfit add_to_groups(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                       std::span<const std::int32_t> group, const Trained& trained,
                       GroupSums& groups) override;
  void keep_rows(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                 const KeepRows& keep) override;
  [[nodiscard]] bool holds_state() const override { return state_ != nullptr; }
  void adopt(const ClientState& state) override;
  void bring_home(ClientState& state) const override;
  void commit(const std::vector<std::int32_t>& local, Trained& trained,
              ClientState& state) override;
  void reduce(RoundSums& sums, const Comm& comm) override;
  void reduce(GroupSums& groups, const Comm& comm) override;
  [[nodiscard]] GroupSums::Rows group_rows() const override { return group_rows_; }
  [[nodiscard]] bool stores_uploads() const override { return plan_.stores_uploads; }
  [[nodiscard]] std::int64_t stored_bytes() const override;
  [[nodiscard]] EngineFacts facts() const override;
  [[nodiscard]] const MemoryPlan& plan() const { return plan_; }
  [[nodiscard]] std::shared_ptr<gpu::Device> device() const override { return device_; }

 private:
  void place_data();
  [[nodiscard]] local_train::GpuPlan launch_plan(std::int64_t bound) const;
  [[nodiscard]] std::int64_t scratch_floats() const;  // of the launch that needs most
  void send_round(const RoundInputs& inputs);
  void allocate_uploads();
  // begin(work, k) for every chunk k in the next free workspace, end(work) when its work is done.
  // Stopped once stop asks before a chunk.
  void over_chunks(const Stop& stop,
                   const std::function<void(ChunkWorkspace& work, std::size_t k)>& begin,
                   const std::function<void(ChunkWorkspace& work)>& end);
  [[noreturn]] void abandon_chunks();
  ChunkWorkspace& free_workspace(const std::function<void(ChunkWorkspace& work)>& end);
  // Samples and trains a chunk.
  void begin(ChunkWorkspace& work, const Chunk& chunk, UploadBuffers& uploads,
             const std::vector<std::int32_t>& local, const RoundInputs& inputs);
  void send_state(ChunkWorkspace& work, const RoundInputs& inputs);
  void draw(ChunkWorkspace& work, UploadBuffers& uploads, std::int64_t round);
  void send_personal(ChunkWorkspace& work, UploadBuffers& uploads, const ClientState& state);
  void place_parameters(ChunkWorkspace& work, local_train::GpuClients& clients) const;
  void launch_training(ChunkWorkspace& work, UploadBuffers& uploads, const RoundInputs& inputs);
  // First pass: what a trained chunk sends, into the round's sums; its numbers on their way to the
  // host.
  void add_to_round(ChunkWorkspace& work, UploadBuffers& uploads, const RoundSums& sums,
                    bool heads);
  void fetch_state(ChunkWorkspace& work, bool heads);
  void collect(ChunkWorkspace& work, const RoundInputs& inputs, Trained& trained, RoundSums& sums,
               MisfitClients& misfits);
  // The passes after it: their uploads are in their place again.
  UploadBuffers& upload_again(ChunkWorkspace& work, std::size_t chunk,
                              const std::vector<std::int32_t>& local, const RoundInputs& inputs);
  void add_numbers(std::span<const std::int32_t> group, const Trained& trained, GroupSums& groups,
                   const std::vector<std::int32_t>& local, MisfitClients& misfits);
  void add_rows(ChunkWorkspace& work, UploadBuffers& uploads, std::span<const std::int32_t> group,
                const GroupSums& groups);
  // They stay on the device as those of all ranks.
  void keep_group_rows(GroupSums& groups, gpu::Reducer* devices);
  void fetch_overlay(ChunkWorkspace& work, const UploadBuffers& uploads);
  void keep_rows_of(ChunkWorkspace& work, const KeepRows& keep);
  [[nodiscard]] aggregate::GpuUpdates updates(const ChunkWorkspace& work,
                                              const UploadBuffers& uploads, std::int64_t tables,
                                              gpu::Buffer<std::int64_t>& sums) const;
  [[nodiscard]] UploadBuffers& uploads_of(const ChunkWorkspace& work, std::size_t chunk) {
    return uploads_[plan_.stores_uploads ? chunk : std::size_t(&work - workspaces_.data())];
  }

  // of clients that train at once, when each is a large one
  static constexpr int blocks_a_multiprocessor = 2;

  const Config& config_;
  const ModelSpec& spec_;
  const Dataset& data_;
  std::shared_ptr<gpu::Device> device_;
  std::int64_t ranks_;
  gpu::ChosenReducer reducer_;
  Sampler sampler_;
  local_train::Shape shape_;
  std::map<std::int64_t, local_train::GpuPlan> launches_;  // by bucket
  MemoryPlan plan_;
  gpu::Stream stream_;
  EngineBuffers buffers_;
  SumsToHost to_host_;
  GroupSums::Rows group_rows_ = GroupSums::Rows::on_host;
  std::unique_ptr<ResidentState> state_;  // null: the state is the host's
  std::vector<ChunkWorkspace> workspaces_;
  std::vector<std::int32_t> in_chunks_;  // the participants that chunks_ are cut of
  std::vector<Chunk> chunks_;            // of the round under way
  std::vector<UploadBuffers> uploads_;   // by chunk, or by workspace
  std::vector<double> rho_;              // of each participant
  std::vector<float> virtual_rate_;      // of each participant
  bool folded_ = false;                  // the stored uploads of views hold their virtual updates
};

}  // namespace fedfuse
