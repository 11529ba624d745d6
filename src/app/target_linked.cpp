#include "app/program.hpp"
#include "app/target.hpp"

namespace fedfuse {

Program program_of(Isa) { return fedfuse_program; }

}  // namespace fedfuse
