"""Evaluate a checkpoint on the test split."""
import argparse
import os.path as osp

from mmengine.dist import is_main_process

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.checkpoints import check_recipe, read_meta
from emoreact_plugin.command_line import (add_config_arguments, build_runner,
                                          clear_errors, label_prior,
                                          load_config, results_table)
from emoreact_plugin.console import say
from emoreact_plugin.evaluation import write_metrics


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        '--print-config',
        metavar='FILE',
        help='write the resolved config to FILE and stop')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--dump',
        metavar='FILE.pkl',
        help="write every clip's scores, logits and labels to a pickle file")
    return parser.parse_intermixed_args()


def add_dump(cfg, path):
    """Let the evaluator write the predictions as well."""
    if not path.endswith(('.pkl', '.pickle')):
        raise ValueError(f'--dump {path}: expected a name that ends in .pkl')
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    cfg.test_evaluator = [
        *evaluators, dict(type='DumpResults', out_file_path=path)
    ]


def main():
    args = parse_args()
    with clear_errors():
        if args.config is None and args.config_flag is None:
            raise ValueError('expected a config file and a checkpoint, found '
                             f'only {args.checkpoint}')
        cfg = load_config(args)
        if args.dump:
            add_dump(cfg, args.dump)
        if args.print_config:
            cfg.dump(args.print_config)
            return
        check_recipe(args.checkpoint, read_meta(args.checkpoint),
                     cfg.get('recipe'))
        runner = build_runner(cfg)
        # MMEngine's own loading tests random weights where the names differ.
        runner.load_checkpoint(args.checkpoint, strict=True)
        prior = label_prior(cfg)
        results = dict(test=runner.test())
    path = osp.join(runner.work_dir, 'test_metrics.json')
    if is_main_process():
        write_metrics(path, results, prior, checkpoint=args.checkpoint)
    say(results_table(runner, results, prior))
    say(f'\nmetrics: {path}' + (f'\ndump:    {args.dump}' if args.dump else
                                ''))


if __name__ == '__main__':
    main()
