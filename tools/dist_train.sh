#!/usr/bin/env bash
# Train with several processes: dist_train.sh CONFIG PROCESSES [flags of train.py]
# On several machines, set NNODES, NODE_RANK, MASTER_ADDR and PORT as for MMAction2.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG PROCESSES [flags of train.py]" >&2
    exit 2
fi
config=$1 processes=$2
shift 2
exec torchrun --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" \
    --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}" \
    --nproc-per-node "$processes" "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
