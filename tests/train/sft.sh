#!/bin/bash
#SBATCH --job-name=2-sft
#SBATCH --nodes=16
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=20
#SBATCH --time=3-00:00:00
#SBATCH --account=bsc01
#SBATCH --qos=acc_ehpc
#SBATCH --mail-user=alguem@example.pt
#SBATCH --mail-type=END,FAIL,REQUEUE
#SBATCH --chdir=/
#SBATCH --output=/gpfs/runs/slurm/2-sft-%j.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --exclusive

# Stage 2-sft, written by `amalia launch slurm`. Shortly before its time is over Slurm signals this shell,
# the stage saves and ends, and the job goes back into the queue, to go on from there.

module load singularity
export NCCL_SOCKET_IFNAME=ib0

say() {
    echo "launch: $*" >&2
}

# What torch wants to know to connect the processes. Jobs that share a node take different ports.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((15000 + SLURM_JOB_ID % 15000))
OMP_NUM_THREADS=20
LOCAL_WORLD_SIZE=4
export MASTER_ADDR MASTER_PORT LOCAL_WORLD_SIZE OMP_NUM_THREADS

# One task for each GPU, each a rank, and no torchrun between: at USR1 it dies without its workers, at TERM it
# gives them 30 seconds to save, and neither way does it end with 0.
# shellcheck disable=SC2016  # each task expands these for itself
srun --nodes=16 --ntasks-per-node=4 --cpus-per-task=20 --kill-on-bad-exit=1 \
    bash -c 'export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS; exec "$@"' rank \
    singularity exec --nv '/gpfs/as imagens/amalia.sif' python -m amalia train /gpfs/runs/slurm/2-sft.yaml steps=7 'mixture.0.artifact=as fotos' --out /gpfs/runs/2-sft &
step=$!

asked=
interrupted=
ask() {
    asked=yes
    interrupted=yes
    say "the stage is asked to save and stop"
    # srun passes USR1 on to its tasks; at TERM it would kill them.
    kill -s USR1 "$step" 2>/dev/null
}
trap ask USR1 TERM

wait "$step"
status=$?
# A signal ends a wait before the step has ended.
while [ -n "$interrupted" ]; do
    interrupted=
    wait "$step"
    status=$?
done
trap '' USR1 TERM

# Asked before it listens, while it loads, a process dies of USR1 (138) and takes the others along (143).
if [ -n "$asked" ] && { [ "$status" -eq 138 ] || [ "$status" -eq 143 ]; }; then
    status=0
fi
if [ "$status" -ne 0 ]; then
    say "the stage failed with exit code $status and is not requeued"
    exit "$status"
fi
if [ -f /gpfs/runs/2-sft/manifest.json ]; then
    exit 0
fi
if [ "${SLURM_RESTART_COUNT:-0}" -ge 20 ]; then
    say "requeued $SLURM_RESTART_COUNT times, which is max_requeues, and not finished; submit it again to go on"
    exit 1
fi
# One that was cancelled has ended as cleanly.
if ! scontrol show job "$SLURM_JOB_ID" | grep -q JobState=RUNNING; then
    say "the job is not running any more, so it was cancelled and is not requeued"
    exit 1
fi
say "saved and not finished; job $SLURM_JOB_ID is requeued"
scontrol requeue "$SLURM_JOB_ID"
