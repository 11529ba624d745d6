#pragma once
// The passes over a round's participants (R10). The first pass trains every participant. The second
// needs every participant's row updates again, once its group is known, and the last one the rows
// that stay on it, once the round is sure to happen: from a store, or by training once more. A
// client's round is a pure function, so both give the same bits.
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "clients/local_round.hpp"
#include "core/config.hpp"
#include "core/stop.hpp"

namespace fedfuse {

// What the second pass reads of a participant.
struct Upload {
  std::span<const std::int32_t> items;
  // items x width: the update of the client's item rows (views: -eta_I sum_j dL/dF_j)
  const float* rows = nullptr;
  const float* overlay = nullptr;  // items x width: rows that stay on the client; null without
  float rho = 1.0f;
};

// Where a client's turn starts.
struct Start {
  std::int64_t round;
  const GlobalModel* model;
  double weight = 1;  // of its upload, by staleness
};

// What a client's turn reads beside its own data.
struct RoundInputs {
  std::int64_t round;
  const GlobalModel& global;
  const ClientState& state;
  const Distillation& distillation;
  Stop stop = {};  // asked before every client, or chunk of clients
  // of each participant; empty where all start from `global` in `round`
  std::span<const Start> starts = {};
  [[nodiscard]] Start start(std::int64_t position) const {
    return starts.empty() ? Start{round, &global} : starts[std::size_t(position)];
  }
};

// Positions in `local` (clients of this rank) in the order of work: most interactions first.
[[nodiscard]] std::vector<std::int32_t> heaviest_first(const Dataset& data,
                                                       const std::vector<std::int32_t>& local);

class Participants {
 public:
  Participants(const Config& config, const ModelSpec& spec, const Dataset& data, int threads,
               const Kernels& kernels);

  using OnUpdate =
      std::function<void(std::int64_t position, std::int64_t local, const LocalUpdate& update)>;
  using OnUpload = std::function<void(std::int64_t local, const Upload& upload)>;

  // What later passes will ask for: nothing, the rows that stay on clients, or all of an upload.
  enum class Keep { nothing, overlay, all };

  // Both passes throw Stopped once inputs.stop asks; some clients were not visited then.
  // Trains all of `local` (ascending); calls are concurrent.
  void train(const std::vector<std::int32_t>& local, const RoundInputs& inputs, Keep keep,
             const OnUpdate& on_update);
  // What the second pass would read of it. room: for rows that are made of it.
  [[nodiscard]] Upload upload_of(const LocalUpdate& update, std::vector<float>& room) const;
  // The uploads once more; calls are concurrent.
  void revisit(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
               const OnUpload& on_upload);
  // ... one after the other. `keep` may change a client's state: no client trains meanwhile.
  void keep(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
            const OnUpload& keep);

  [[nodiscard]] bool stores() const { return store_; }
  [[nodiscard]] std::int64_t stored_bytes() const;  // of the last round
  [[nodiscard]] int threads() const { return int(trainers_.size()); }
  [[nodiscard]] Turns turns() const;  // of all passes so far

 private:
  struct Stored {
    std::vector<std::int32_t> items;
    std::vector<float> rows, overlay;
    float rho = 1.0f;
  };
  const LocalUpdate& turn(int thread, std::int64_t local, std::int64_t position,
                          const RoundInputs& inputs);
  void store(const LocalUpdate& update, Keep keep, Stored& kept) const;
  void virtual_rows(const LocalUpdate& update, std::vector<float>& to) const;
  static Upload view(const Stored& kept);
  void upload_again(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                    const OnUpload& concurrently, const OnUpload& serially);
  const ModelSpec& spec_;
  const Dataset& data_;
  Sampler sampler_;
  std::vector<LocalTrainer> trainers_;  // one a thread
  std::vector<Stored> stored_;          // by place in the order of work
  bool store_;
  // clients that are trained again before their uploads are read
  static constexpr std::size_t replay_chunk = 1024;
};

// Bytes that storing one round's uploads takes at most on this rank.
[[nodiscard]] double upload_bytes(const Config& config, const ModelSpec& spec, const Dataset& data);

}  // namespace fedfuse
