# shellcheck shell=bash disable=SC2034
# Example of job.sh, which jobs/submit.py and jobs/scaling.py write beside a job script from a
# system file and the numbers of the job.
root=/path/of/fedfuse
program=/path/of/fedfuse/build/release/fedfuse
nodes=1 ranks=2 ranks_per_node=2 threads=1 gpus=0
launcher=(srun --nodes=1 --ntasks=2 --ntasks-per-node=2 --cpus-per-task=1 --cpu-bind=none)
arguments=(train --data /path/of/data.h5 --rounds 10 --out /path/of/folder/result.h5 --overwrite)
export OMP_PLACES=cores
