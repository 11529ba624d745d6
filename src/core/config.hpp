#pragma once
// One run of `fedfuse train`, as one plain struct. models.md gives the symbols; src/app/options.cpp
// binds every field to an option of the same name (underscore -> dash) with its unit and default,
// the TOML config and --dump-config use the same names, and validate() refuses impossible values.
#include <cstdint>
#include <string>
#include <vector>

namespace fedfuse {

struct Config {
  // what to read and write
  std::string data, out;
  bool overwrite = false;
  std::int64_t save_every = 0;  // rounds between intermediate result files; 0: only at the end

  // model (models.md sections 1, 2)
  std::string backbone = "fcf";            // fedavg fcf fedncf pfedrec fedrap
  std::string fusion = "none";             // none mlp gfmfr fedvlr fedvlr+gfmfr
  std::string head = "auto";               // auto linear mlp neumf
  std::int64_t dim = 64;                   // d
  double init_std = 0.01;                  // shared table
  double personal_init_std = 0.0;          // fedrap: > 0 starts from one common random table
  double rap_alpha = 0.1, rap_beta = 0.1;  // FedRAP's alpha, beta (base values)
  std::string head_sharing = "backbone";   // backbone never

  // federation
  std::int64_t rounds = 100;  // R
  double fraction = 1.0;      // beta of section 1
  std::uint64_t seed = 0;
  std::int64_t local_epochs = 5;            // E
  std::int64_t batch = 256;                 // B
  std::int64_t negatives_per_positive = 4;  // q
  std::string negatives = "own-train";      // own-train own-all trained-items
  double lr = 0.1;                          // eta
  double lr_items = -1.0;                   // eta_I; negative: eta * M
  double weight_decay = 0.0;                // kappa

  // GFMFR (section 3)
  std::int64_t groups = 5;  // G
  // > 0: choose G between them each time clients are grouped
  std::int64_t groups_min = 0, groups_max = 0;
  std::string groups_by = "eigengap";   // eigengap silhouette (how G is chosen)
  std::string group_by = "prediction";  // prediction random behaviour labels
  std::string cluster = "spectral";     // spectral kmeans
  // < 1: project on the components that hold this share
  double pca_variance = 1.0;
  // above this many participants: cluster this many, assign the rest
  std::int64_t landmarks = 2048;
  std::int64_t regroup_every = 1;
  std::int64_t group_dim = 512;      // width of the learned group embedding e_l
  std::int64_t teacher_epochs = 50;  // E_s
  std::int64_t teacher_batch = 256;
  // items (R9: every group of an item together) pairs (the paper)
  std::string teacher_batches = "items";
  double teacher_lr = 1e-3;
  std::string teacher_optimizer = "adam";     // adam sgd
  double distill = 0.5;                       // lambda
  std::string distill_schedule = "constant";  // constant cosine
  // times the running ratio of the two losses (decay 0.9)
  bool distill_balance = false;
  std::string distill_on = "all";  // all negatives
  std::int64_t distill_start = 2;  // first round (1-based) that distils

  // FedVLR (section 4)
  std::vector<std::string> views = {"sum", "mlp", "gate"};
  double server_lr = 1e-3;
  std::string server_optimizer = "adam";  // adam sgd

  // evaluation (section 5)
  std::int64_t eval_every = 1;
  std::int64_t eval_clients = 0;    // 0: all (R12 otherwise)
  std::string candidates = "full";  // full, sampled:N
  std::string cold_items = "rank";  // rank exclude
  // evaluations without a better validation NDCG@50; 0: never stop early
  std::int64_t patience = 0;

  // device (server/engine.hpp)
  std::string device = "cpu";  // auto cpu cuda emulated

  // execution
  std::string uploads = "auto";  // auto store replay (R10)
  // auto host device: where clients' private numbers live when a device trains them
  std::string client_state = "auto";
  double memory_gib = 0.0;  // what one rank may use; 0: its share of the free memory
  // per rank; 0: OMP_NUM_THREADS or the cores that the rank may use
  std::int64_t threads = 0;

  // restart (results/checkpoint.hpp)
  // rounds between checkpoints; 0: only when a signal or the time budget ends the run
  std::int64_t checkpoint_every = 0;
  bool resume = false;  // go on from the newest checkpoint that is whole
  // save and exit with 75 before so much time has passed; empty: no limit
  std::string time_budget;

  bool operator==(const Config&) const = default;
};

// Throws InputError on the first impossible value that needs neither data nor the tables of models
// to be seen; backbone, fusion, head and what they allow of each other are resolve()'s
// (model/spec.hpp).
void validate(const Config& config);
// ... and on those that do.
void validate_against_data(const Config& config, std::int64_t clients, std::int64_t items,
                           int ranks);

}  // namespace fedfuse
