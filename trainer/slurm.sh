#!/usr/bin/env bash
# One run on several machines of a Slurm cluster, a process a machine with all GPUs of its part:
#   sbatch --nodes=4 trainer/slurm.sh --root /data/MUSDB18-HQ --loss l2_freq --output runs/l2_freq
# DATA has to be where all machines see it, and RUN where the first one does, after a restart too.
#SBATCH --job-name=mss_keras
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append

set -u
# A machine that is lost ends the others, and the same command goes on from the last epoch. Wrong
# input, exit code 2, is wrong again. A machine that fails takes the job with it, and Slurm queues
# the job again.
for attempt in 1 2 3 4 5 6; do
    srun --kill-on-bad-exit=0 --label \
        python -m trainer train --strategy multiworker --cluster slurm "$@"
    code=$?
    if [ "$code" -eq 0 ] || [ "$code" -eq 2 ]; then
        exit "$code"
    fi
    echo "attempt $attempt ended with exit code $code" >&2
done
exit "$code"
