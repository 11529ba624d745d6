#pragma once
// Completion of the shell, made from the options that the command line has.
#include <string>

namespace CLI {
class App;
}

namespace fedfuse {

// A bash script for `source`. It completes the commands of app, the options of each, the choices
// that an option's help lists as {a|b}, and names of files elsewhere.
[[nodiscard]] std::string bash_completion(const CLI::App& app);

}  // namespace fedfuse
