#pragma once
// One run of `fedfuse train`, as plain structs, one a section of the options. models.md gives the
// symbols. results/config_fields.hpp lists every field once with the name of its option; from it
// come the command line, the TOML file and --dump-config.
#include "core/config/attack.hpp"
#include "core/config/device.hpp"
#include "core/config/evaluation.hpp"
#include "core/config/execution.hpp"
#include "core/config/features.hpp"
#include "core/config/federation.hpp"
#include "core/config/fedvlr.hpp"
#include "core/config/files.hpp"
#include "core/config/gfmfr.hpp"
#include "core/config/model.hpp"
#include "core/config/participation.hpp"
#include "core/config/prior.hpp"
#include "core/config/privacy.hpp"
#include "core/config/restart.hpp"
#include "core/config/secure.hpp"

namespace fedfuse {

struct Config {
  FileOptions files;
  ModelOptions model;
  FederationOptions federation;
  ParticipationOptions participation;
  GfmfrOptions gfmfr;
  PriorOptions prior;
  FedvlrOptions fedvlr;
  FeatureOptions features;
  PrivacyOptions privacy;
  AttackOptions attack;
  SecureOptions secure;
  EvaluationOptions evaluation;
  DeviceOptions device;
  ExecutionOptions execution;
  RestartOptions restart;
  bool operator==(const Config&) const = default;
};

// Every section's validate(): InputError on the first impossible value that needs neither the data
// nor the tables of models. What needs them is checked by resolve() and validate_against_data()
// (model/spec.hpp).
void validate(const Config& config);

// Clients whose uploads the server adds up in a round: K, or round(beta N).
[[nodiscard]] std::int64_t uploads_of_round(const Config& config, std::int64_t clients);
// --async: Q, the clients that train at the same time.
[[nodiscard]] std::int64_t clients_in_flight(const Config& config, std::int64_t clients);

}  // namespace fedfuse
