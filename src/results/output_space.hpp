#pragma once
// Where a result goes: its twin's name, and room for it. The files themselves are
// data/output_file.hpp's: whole or not there.
#include <cstdint>
#include <string>

#include "core/comm.hpp"
#include "data/output_file.hpp"

namespace fedfuse {

// the JSON twin: .json in place of .h5 or .hdf5, else behind the name
[[nodiscard]] std::string twin_path(const std::string& path);
// Asks the file system for `bytes` at the existing file `partial`, and gives them back: a full
// disk, a quota or a limit shows before the work, not in its middle. InputError that names `path`.
// For one rank.
void reserve_space(const std::string& partial, const std::string& path, std::int64_t bytes);
// Asks for `bytes` at a file that is being written, without changing its size; where the file
// system cannot, nothing happens. For one rank.
void hold_space(const std::string& partial, std::int64_t bytes);
// Before a run: can a file be made at this path? InputError. For one rank.
void check_output(const std::string& path, bool overwrite);
// InputError when no result can have this path: it is empty, or the twin's.
void check_result_path(const std::string& path);
// Before a run: refuses an existing path without overwrite, a folder that cannot be written, ...
// Collective.
void check_writable(const std::string& path, bool overwrite, const Comm& comm);
// A small text, whole or not at all. InputError. For one rank.
void write_text_file(const std::string& path, const std::string& text, Existing existing);

}  // namespace fedfuse
