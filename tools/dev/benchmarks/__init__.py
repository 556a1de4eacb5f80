"""Measure speed as ratios of calls that are timed beside each other.

It is not imported with the package: only its tool needs it.
"""

from .loading import data_of_config, data_of_folder, describe_data, loading_groups
from .masks import mask_groups
from .metric import metric_groups
from .report import Report, machine_facts, to_json, to_markdown
from .startup import startup_groups
from .timing import Row, run
from .training import TrainingSize, training_groups

__all__ = [
    'Report',
    'Row',
    'TrainingSize',
    'data_of_config',
    'data_of_folder',
    'describe_data',
    'loading_groups',
    'machine_facts',
    'mask_groups',
    'metric_groups',
    'run',
    'startup_groups',
    'to_json',
    'to_markdown',
    'training_groups',
]
