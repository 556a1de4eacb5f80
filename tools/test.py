"""Evaluate a checkpoint on a split."""

import argparse
import os.path as osp

from mmengine.dist import is_main_process

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.checkpoints import check_recipe, checkpoint_of, read_meta
from emoreact_plugin.command_line import (
    SPLITS,
    add_config_arguments,
    build_runner,
    clear_errors,
    label_prior,
    load_config,
    results_table,
)
from emoreact_plugin.console import ConsoleHook, say
from emoreact_plugin.evaluation import write_metrics
from emoreact_plugin.visualization import without_tensorboard


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--print-config', metavar='FILE', help='write the resolved config to FILE and stop'
    )
    parser.add_argument(
        'checkpoint', help='checkpoint file, or the folder of a training: its best one'
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='test',
        help='the clips to evaluate on, those of train without augmentation (default: test)',
    )
    parser.add_argument(
        '--dump',
        metavar='FILE.npz|FILE.pkl',
        help="write every clip's scores and labels: .npz for this package's "
        "tools, such as fuse_scores.py, .pkl for MMAction2's",
    )
    return parser.parse_intermixed_args()


def choose_split(cfg, split):
    """Let the test loop, which has no checkpoint to keep, run on a split."""
    if split == 'test':
        return
    if not cfg.get(f'{split}_dataloader'):
        raise ValueError(
            f'--split {split}: expected a {split}_dataloader in the config, found none'
        )
    if split == 'val':
        cfg.test_dataloader = cfg.val_dataloader
        cfg.test_evaluator = cfg.val_evaluator
        cfg.test_cfg = cfg.get('test_cfg') or dict(type='TestLoop')
        return
    dataset = cfg.train_dataloader.dataset
    test = cfg.test_dataloader.dataset
    if 'pipeline' not in dataset or 'pipeline' not in test:
        raise ValueError(
            '--split train: expected data sets with a pipeline of their own '
            f'for train and test, found {dataset.type} and {test.type}'
        )
    cfg.test_dataloader.dataset = dict(dataset, pipeline=test.pipeline, test_mode=True)


def add_dump(cfg, path, split, checkpoint):
    """Let the evaluator write the predictions as well."""
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    if path.endswith(('.pkl', '.pickle')):
        dump = dict(type='DumpResults', out_file_path=path)
    elif path.endswith('.npz'):
        metrics = [e for e in evaluators if e['type'] == 'ROCAUCMetric']
        if not metrics:
            raise ValueError(
                f'--dump {path}: expected a ROCAUCMetric in the evaluator, '
                'which says whether the scores are logits, found '
                f'{", ".join(str(e["type"]) for e in evaluators)}'
            )
        dump = dict(
            type='DumpScores',
            out_file=path,
            split=split,
            checkpoint=checkpoint,
            **{k: metrics[0][k] for k in ('scores', 'classes') if k in metrics[0]},
        )
    else:
        raise ValueError(f'--dump {path}: expected a name that ends in .npz or .pkl')
    cfg.test_evaluator = [*evaluators, dump]


def main():
    args = parse_args()
    with clear_errors():
        if args.config is None and args.config_flag is None:
            raise ValueError(
                f'expected a config file and a checkpoint, found only {args.checkpoint}'
            )
        args.checkpoint = checkpoint_of(args.checkpoint)
        cfg = load_config(args)
        without_tensorboard(cfg)
        choose_split(cfg, args.split)
        if args.dump:
            add_dump(cfg, args.dump, args.split, args.checkpoint)
        if args.print_config:
            cfg.dump(args.print_config)
            return
        check_recipe(args.checkpoint, read_meta(args.checkpoint), cfg.get('recipe'))
        runner = build_runner(cfg)
        runner.register_hook(ConsoleHook())
        # MMEngine's own loading tests random weights where the names differ.
        runner.load_checkpoint(args.checkpoint, strict=True)
        dataset = runner.test_dataloader.dataset
        summary = getattr(dataset, 'summary', None)
        say(f'{args.split}: ' + (summary() if summary else f'{len(dataset)} samples'))
        prior = {args.split: label_prior(cfg)['test']}
        results = {args.split: runner.test()}
    path = osp.join(runner.work_dir, f'{args.split}_metrics.json')
    if is_main_process():
        write_metrics(path, results, prior, checkpoint=args.checkpoint)
    say(results_table(runner, results, prior))
    say(f'\nmetrics: {path}' + (f'\ndump:    {args.dump}' if args.dump else ''))


if __name__ == '__main__':
    main()
