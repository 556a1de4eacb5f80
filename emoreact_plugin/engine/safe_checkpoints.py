"""Write checkpoints so that a run that is killed at any moment loses none."""

import io
import os
import os.path as osp
import re
import shutil
from typing import Any

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import write_bytes, write_text, write_whole
from emoreact_plugin.weights.checkpoints import read_checkpoint
from mmaction.registry import HOOKS

from .console import say
from .exact_resume import note_validated


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """Save checkpoints as MMEngine's ``CheckpointHook`` does, in an order that loses none.

    An older checkpoint, best or last, goes only after the new one and ``last_checkpoint`` are
    whole. That an epoch was validated is written down after its best checkpoint. When a run goes on
    and its best checkpoint is gone, it is copied from the folder of the checkpoint, made again from
    that of its epoch, or found again by validating.

    The arguments are those of ``CheckpointHook``.
    """

    def before_train(self, runner: Runner) -> None:
        """Find the best checkpoints of a run that goes on."""
        super().before_train(runner)
        if runner.epoch == runner.iter == 0:
            return
        # A validation that is made up for may have to write the checkpoint of the epoch again.
        last = runner.message_hub.runtime_info.get('last_ckpt')
        if last:
            self.last_ckpt = osp.join(self.out_dir, osp.basename(last))
        if self.save_best is not None and self._is_local():
            if is_main_process():
                for name in self.key_indicators:
                    self._find_best(runner, self._best_key(name))
            barrier()
            for name in self.key_indicators:
                self._take_best(runner, name)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float | None]) -> None:
        """Save the checkpoint if it is the best, then write down that the epoch was validated."""
        super().after_val_epoch(runner, metrics)
        if is_main_process():
            note_validated(runner.work_dir, runner.epoch)

    def _is_local(self) -> bool:
        return '://' not in str(self.out_dir)

    def _best_key(self, name: str) -> str:
        """Return where MMEngine keeps the path of the best checkpoint by a score."""
        return 'best_ckpt' if len(self.key_indicators) == 1 else f'best_ckpt_{name}'

    def _find_best(self, runner: Runner, key: str) -> None:
        """Put the best checkpoint that a run had into the folder, if it can be found."""
        before = runner.message_hub.runtime_info.get(key)
        if not before:
            return
        path = osp.join(self.out_dir, osp.basename(before))
        places = [path]
        # Not where it was once: another run may have written one of its name there since.
        if runner.cfg.get('load_from'):
            places.append(osp.join(osp.dirname(runner.cfg.load_from), osp.basename(before)))
        for place in places:
            if _is_whole(place):
                if not osp.exists(path) or not osp.samefile(place, path):
                    with write_whole(path) as temporary:
                        shutil.copyfile(place, temporary)
                return
        step = re.search(self._pattern(), osp.basename(path))
        source = osp.join(self.out_dir, self.filename_tmpl.format(step[1])) if step else ''
        if _is_whole(source):
            content: dict[str, Any] = dict(read_checkpoint(source).content)
            for name in ('optimizer', 'param_schedulers'):
                content.pop(name, None)
            stream = io.BytesIO()
            torch.save(content, stream)
            write_bytes(path, stream.getvalue())

    def _take_best(self, runner: Runner, name: str) -> None:
        """Take over the path of the best checkpoint, or forget its score if it is gone."""
        key = self._best_key(name)
        info = runner.message_hub.runtime_info
        before = info.get(key)
        path = osp.join(self.out_dir, osp.basename(before)) if before else None
        if path and not osp.isfile(path):
            say(f'WARNING: {path} is gone; the best epoch is chosen anew from here on')
            info.pop(key)
            info.pop(key.replace('best_ckpt', 'best_score'), None)
            path = None
            if is_main_process():
                # So that this epoch is validated again.
                note_validated(runner.work_dir, 0)
            barrier()
        elif path:
            runner.message_hub.update_info(key, path)
        self._set_best(name, path)

    def _set_best(self, name: str, path: str | None) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = path
        else:
            self.best_ckpt_path_dict[name] = path

    def _pattern(self) -> str:
        """Return a pattern for the names that ``filename_tmpl`` makes."""
        return re.escape(self.filename_tmpl).replace(r'\{\}', r'(\d+)') + '$'

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        kept: list[int] = list(self.keep_ckpt_ids) if self.max_keep_ckpts > 0 else []
        if self.max_keep_ckpts > 0 and (not kept or kept[-1] != step):
            kept.append(step)
            # With the one that is about to go: if the run is killed first, the next one deletes it.
            runner.message_hub.update_info('keep_ckpt_ids', list(kept))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_text(osp.join(runner.work_dir, 'last_checkpoint'), self.last_ckpt)
        if self.max_keep_ckpts > 0:
            old, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            for each in old if is_main_process() else ():
                self._delete(self.filename_tmpl.format(each))
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(kept)
            runner.message_hub.update_info('keep_ckpt_ids', kept)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float | None]) -> None:
        if self.save_best is None:
            return
        # MMEngine deletes the old ones first; here it knows of none.
        for name in self.key_indicators:
            self._set_best(name, None)
        super()._save_best_checkpoint(runner, metrics)
        for name in self.key_indicators:
            path = runner.message_hub.runtime_info.get(self._best_key(name))
            self._set_best(name, path)
            if path and is_main_process() and self._is_local():
                ours = re.escape(f'best_{name}_'.replace('/', '_')) + self._pattern()
                for each in os.listdir(self.out_dir):
                    if re.fullmatch(ours, each) and each != osp.basename(path):
                        self._delete(each)

    def _delete(self, name: str) -> None:
        path = self.file_backend.join_path(self.out_dir, name)
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):
            self.file_backend.rmtree(path)  # those of DeepSpeed


def _is_whole(path: str) -> bool:
    try:
        read_checkpoint(path)
    except (InputError, OSError):
        return False
    return True
