#pragma once
// Initial values, all from the counter-based generator (models.md sections 2 and 6).
#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "core/rng.hpp"
#include "model/head.hpp"

namespace fedfuse {

// Every element N(0, std^2); element j of row i comes from counter (first + i, 0, j).
void init_normal(Matrix<float>& table, std::uint64_t seed, Purpose purpose, double std,
                 std::int64_t first = 0);
// Xavier-uniform weight [out x in]; `who` and `first_index` name the counters.
void init_xavier(std::span<float> weight, int out, int in, const Rng& rng, std::uint64_t who,
                 std::uint32_t first_index);
// A head: Xavier weights, zero biases. who: client id, or a constant for a shared head.
void init_head(std::span<float> theta, const HeadLayout& layout, std::uint64_t seed,
               std::uint64_t who);
// User vectors: N(0, std^2).
void init_user(std::span<float> user, std::uint64_t seed, std::uint64_t who, double std);
void init_router(std::span<float> router, const RouterLayout& layout, std::uint64_t seed,
                 std::uint64_t who);

}  // namespace fedfuse
