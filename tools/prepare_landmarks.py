"""Check the files of a data set and prepare its landmarks, without training.

Training does the same on first use. This tool does it ahead of time, for example on a cluster's
login node. If it was stopped, it continues where it was.
"""

import argparse

from mmengine.registry import init_default_scope

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.engine.flags import SPLITS, add_config_arguments, load_config
from mmaction.registry import DATASETS


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_config_arguments(parser)
    args = parser.parse_intermixed_args()
    with clear_errors():
        cfg = load_config(args)
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        for split in SPLITS:
            dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
            say(f'{split}: {dataset.summary()}')


if __name__ == '__main__':
    main()
