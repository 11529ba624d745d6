# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from spack.package import *


class Fedfuse(CMakePackage):
    """MPI benchmark suite for federated multimodal recommendation."""

    # The source is the checkout that holds this recipe; the commit on its branch main is built.
    git = Path(__file__).resolve().parents[5].as_uri()
    version("main", branch="main")

    license("Apache-2.0")

    variant("native", default=False, description="for the processor of the build machine alone")
    variant("benchmarks", default=True, description="build the benchmarks that the suite runs")
    variant("tools", default=True, description="Python packages that the suite and plots need")
    variant("cuda", default=False, description="look for CUDA and NCCL")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("mpi")
    depends_on("hdf5@1.10:+mpi")
    depends_on("zlib-api")
    depends_on("openssl")
    depends_on("eigen@3.4:5")
    depends_on("random123")
    depends_on("cli11")
    depends_on("nlohmann-json")
    depends_on("benchmark", when="+benchmarks")
    depends_on("googletest", type="test")
    depends_on("cuda@12:", when="+cuda")
    depends_on("nccl", when="+cuda")
    depends_on("python@3.10:", type="run")
    depends_on("py-h5py", type="run", when="+tools")
    depends_on("py-matplotlib", type="run", when="+tools")

    def setup_run_environment(self, env):
        """suite.py and the other jobs are commands, as `fedfuse` is."""
        env.prepend_path("PATH", f"{self.prefix}/share/fedfuse/jobs")

    def cmake_args(self):
        return [
            self.define_from_variant("FEDFUSE_NATIVE", "native"),
            self.define_from_variant("FEDFUSE_BENCHMARKS", "benchmarks"),
            self.define_from_variant("FEDFUSE_CUDA", "cuda"),
            self.define("FEDFUSE_TESTS", self.run_tests),
        ]
