#pragma once
// What a rank did, counted and not timed: the same numbers on a fast and on a slow machine. FLOP
// are those of the kernels' formulas (a multiply and an add count 1 each), of the samples, rows and
// steps that the rank went through; bytes and calls of MPI are Comm's (core/comm.hpp).
#include <cstdint>

#include "clients/turns.hpp"

namespace fedfuse {

struct Work {
  Turns training;
  std::int64_t decoded = 0;       // numbers of the round's sums that became floating point
  std::int64_t teacher_flop = 0;  // GFMFR's or the group prior's
  std::int64_t views_flop = 0;    // there, back, and the optimizer's step
  std::int64_t evaluation_flop = 0;

  Work& operator+=(const Work& other) {
    training += other.training;
    decoded += other.decoded;
    teacher_flop += other.teacher_flop;
    views_flop += other.views_flop;
    evaluation_flop += other.evaluation_flop;
    return *this;
  }
};

}  // namespace fedfuse
