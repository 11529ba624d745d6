#pragma once

namespace fedfuse {

// Before any file is opened: no file may get the number of standard input, output or error that the
// caller has closed. They lead to /dev/null then; writing to a closed standard output still fails.
// SIGPIPE is ignored: a reader that is gone shows as a failed write.
void secure_standard_streams();

}  // namespace fedfuse
