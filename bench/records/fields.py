"""Names in a result's record that several tools read."""

# The phases of a round, in order; /time holds NAME_min, NAME_mean and NAME_max of each.
PHASES = (
    "sampling",
    "training",
    "aggregation",
    "grouping",
    "views",
    "teacher",
    "evaluation",
    "commit",
    "output",
)
# What a table keeps of the provenance: no command lines, because these hold paths.
KEPT_PROVENANCE = (
    "version",
    "git_sha",
    "git_dirty",
    "compiler",
    "compiler_flags",
    "mpi",
    "started_utc",
)
