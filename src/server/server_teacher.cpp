#include "server/server_teacher.hpp"

#include "server/closed_teacher.hpp"
#include "server/teacher.hpp"

namespace fedfuse {

std::unique_ptr<ServerTeacher> make_server_teacher(const Config& config, const ModelSpec& spec,
                                                   const Dataset& data, const Comm& comm,
                                                   const std::shared_ptr<gpu::Device>& device,
                                                   const Kernels& kernels) {
  if (config.gfmfr.teacher.solver == TeacherSolver::closed)
    return std::make_unique<ClosedTeacher>(config, data, comm);
  return std::make_unique<GroupTeacher>(config, spec, data, device, kernels);
}

}  // namespace fedfuse
