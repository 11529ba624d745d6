#pragma once
// The state that training continues from, member by member. A class that owns state lists its
// members once, in a visit(); a checkpoint saves, loads and counts that list
// (results/checkpoint_archive.cpp). Names are paths, as in "server/views/D.m".
#include <cstdint>
#include <span>
#include <string>

#include "clients/overlay.hpp"
#include "clients/state.hpp"
#include "core/matrix.hpp"
#include "core/rows.hpp"
#include "model/spec.hpp"

namespace fedfuse {

class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  // it gives values; otherwise it reads them
  [[nodiscard]] virtual bool loads() const { return false; }
  // False: a checkpoint of an older program, which is read, does not hold the name.
  [[nodiscard]] virtual bool has(const std::string& /*name*/) const { return true; }

  // The same on every rank. A span has the size that the run's configuration gives it; a matrix and
  // a text take theirs from the file.
  virtual void shared(const std::string& name, std::span<float> values) = 0;
  virtual void shared(const std::string& name, std::span<double> values) = 0;
  virtual void shared(const std::string& name, std::span<std::int64_t> values) = 0;
  virtual void matrix(const std::string& name, Matrix<float>& values) = 0;
  virtual void matrix(const std::string& name, Matrix<double>& values) = 0;
  virtual void text(const std::string& name, std::string& value) = 0;
  // One array of all rows of a table, `cols` values each; a rank has those that it owns. In a file
  // it is as if it were shared, so that any number of ranks reads it.
  virtual void rows(const std::string& name, const RowSplit& split, std::int64_t cols,
                    std::span<float> values) = 0;
  // `width` values for each client of this rank, in the order of the ids. Nothing is stored for
  // width 0.
  virtual void clients(const std::string& name, std::int64_t width, std::span<float> values) = 0;
  virtual void clients(const std::string& name, std::int64_t width,
                       std::span<std::int32_t> values) = 0;
  virtual void overlay(const std::string& name, OverlayStore& rows) = 0;

  void number(const std::string& name, double& value) {
    shared(name, std::span<double>(&value, 1));
  }
  void number(const std::string& name, std::int64_t& value) {
    shared(name, std::span<std::int64_t>(&value, 1));
  }
};

void visit(StateVisitor& visitor, const std::string& name, GlobalModel& model);
// Without the base of personal rows, which the seed makes again. The same list for every client's
// arrays, whatever the spec has of them.
void visit(StateVisitor& visitor, const std::string& name, const ModelSpec& spec,
           ClientState& state);

}  // namespace fedfuse
