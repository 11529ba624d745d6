#pragma once
// The variants of sample, one function each; sample.cpp holds the table.
#include "kernels/sample/sample.hpp"

namespace fedfuse::sample {

void draw_cpu(const Rules& rules, const Client& client, std::uint32_t round, Samples& samples);
void draw_cuda(const Rules& rules, const Client& client, std::uint32_t round, Samples& samples);
void draw_emulated(const Rules& rules, const Client& client, std::uint32_t round, Samples& samples);

}  // namespace fedfuse::sample
