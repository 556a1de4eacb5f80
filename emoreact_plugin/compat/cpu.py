"""Make mixed precision and several processes work without a GPU."""

import functools
import logging
import os
import subprocess
from collections.abc import Callable
from typing import Any

from .common import Mend, patch, source_has


def on_cpu() -> bool:
    """Check whether mmengine would train on the CPU here."""
    from mmengine.device import get_device

    return get_device() == 'cpu'


def _on_cpu_with(place: str, line: str) -> Callable[[], bool]:
    has_it = source_has(place, line)
    return lambda: on_cpu() and has_it()


def _amp_on_cpu() -> None:
    import torch
    from mmengine.logging import print_log
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    stock = AmpOptimWrapper.__init__

    class NoScaler(torch.amp.GradScaler):
        """Stand in for a gradient scaler without scaling anything.

        bfloat16 has float32's range, so there is nothing to scale.
        """

        def __init__(self) -> None:
            super().__init__('cpu', enabled=False)

        def state_dict(self) -> dict:
            # A scaler's start state, so that the run can go on on a GPU,
            # where an empty one is refused.
            return torch.amp.GradScaler('cpu').state_dict()

    @functools.wraps(stock)
    def init(
        self: AmpOptimWrapper,
        loss_scale: str | float | dict = 'dynamic',
        dtype: str | torch.dtype | None = None,
        use_fsdp: bool = False,
        **kwargs: Any,
    ) -> None:
        if not on_cpu():
            stock(self, loss_scale, dtype, use_fsdp, **kwargs)
            return
        if dtype not in (None, 'bfloat16', torch.bfloat16):
            print_log(
                f'{dtype} is asked for, but mixed precision on the CPU is bfloat16',
                logger='current',
                level=logging.WARNING,
            )
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = NoScaler()
        self.cast_dtype = torch.bfloat16

    # In place, so that it also holds where the class itself was imported.
    patch(AmpOptimWrapper, '__init__', init)


def _dist_on_cpu() -> None:
    import torch.distributed as torch_dist
    from mmengine.dist import utils

    stock = utils._init_dist_pytorch

    @functools.wraps(stock)
    def _init_dist_pytorch(backend: str, init_backend: str = 'torch', **kwargs: Any) -> None:
        if not on_cpu() or init_backend != 'torch':
            stock(backend, init_backend=init_backend, **kwargs)
            return
        # nccl, everyone's default, exists on GPUs only
        backend = 'gloo' if backend == 'nccl' else backend
        torch_dist.init_process_group(backend=backend, **kwargs)

    patch(utils, '_init_dist_pytorch', _init_dist_pytorch)


def _slurm_on_cpu() -> None:
    import torch.distributed as torch_dist
    from mmengine.dist import utils

    stock = utils._init_dist_slurm

    @functools.wraps(stock)
    def _init_dist_slurm(
        backend: str, port: int | None = None, init_backend: str = 'torch', **kwargs: Any
    ) -> None:
        if not on_cpu() or init_backend != 'torch':
            stock(backend, port=port, init_backend=init_backend, **kwargs)
            return
        rank = os.environ['SLURM_PROCID']
        if 'MASTER_ADDR' not in os.environ:
            nodes = os.environ['SLURM_NODELIST']
            command = ['scontrol', 'show', 'hostname', nodes]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            os.environ['MASTER_ADDR'] = shown.split()[0]
        if port is not None:
            os.environ['MASTER_PORT'] = str(port)
        os.environ.setdefault('MASTER_PORT', '29500')
        os.environ.update(
            WORLD_SIZE=os.environ['SLURM_NTASKS'],
            LOCAL_RANK=os.environ.get('SLURM_LOCALID', rank),
            RANK=rank,
        )
        backend = 'gloo' if backend == 'nccl' else backend
        torch_dist.init_process_group(backend=backend, **kwargs)

    patch(utils, '_init_dist_slurm', _init_dist_slurm)


def _ddp_on_cpu() -> None:
    import torch
    from mmengine.model import MMDistributedDataParallel

    stock = MMDistributedDataParallel.__init__

    @functools.wraps(stock)
    def init(
        self: MMDistributedDataParallel, module: torch.nn.Module, *args: Any, **kwargs: Any
    ) -> None:
        # torch raises on device ids for a model on the CPU
        if all(p.device.type == 'cpu' for p in module.parameters()):
            kwargs['device_ids'] = None
        stock(self, module, *args, **kwargs)

    patch(MMDistributedDataParallel, '__init__', init)


MENDS = (
    Mend(
        'amp_on_cpu',
        'AmpOptimWrapper refuses the CPU: mmengine/optim/optimizer/amp_optimizer_wrapper.py:76',
        _on_cpu_with(
            'mmengine.optim:AmpOptimWrapper.__init__',
            'assert is_cuda_available() or is_npu_available()',
        ),
        _amp_on_cpu,
    ),
    Mend(
        'dist_on_cpu',
        'launcher="pytorch" calls torch.cuda.set_device without CUDA: mmengine/dist/utils.py:130',
        _on_cpu_with(
            'mmengine.dist.utils:_init_dist_pytorch',
            '    else:\n        torch.cuda.set_device(local_rank)',
        ),
        _dist_on_cpu,
    ),
    Mend(
        'slurm_on_cpu',
        'launcher="slurm" divides by the number of GPUs: mmengine/dist/utils.py:203',
        _on_cpu_with('mmengine.dist.utils:_init_dist_slurm', 'local_rank = proc_id % num_gpus'),
        _slurm_on_cpu,
    ),
    Mend(
        'ddp_on_cpu',
        'DDP gets device ids on the CPU: mmengine/runner/runner.py:900',
        _on_cpu_with(
            'mmengine.runner:Runner.wrap_model',
            "device_ids=[int(os.environ['LOCAL_RANK'])]",
        ),
        _ddp_on_cpu,
    ),
)
