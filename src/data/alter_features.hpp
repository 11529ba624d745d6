#pragma once
// Ablations of the items' features: modalities left out or lost, noise, imputation.
#include "core/config.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// In this order, by config.features and the seed: modalities that are left out and those that items
// lose are gone; noise on what is left; then what stands for a missing one. The same on every rank.
// Returns data. Features of width 0 stay so.
Dataset& alter_features(Dataset& data, const Config& config);

}  // namespace fedfuse
