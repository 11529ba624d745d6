#pragma once
// The part of a record that a resumed run continues: the rounds so far.
#include "clients/state_visitor.hpp"
#include "results/record.hpp"

namespace fedfuse {

void visit(StateVisitor& visitor, const std::string& name, RunRecord& record, const Dataset& data);

}  // namespace fedfuse
