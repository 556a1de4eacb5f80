"""Score multi-label predictions by ROC AUC, and compare models.

The package has functions on arrays, the metric that feeds them from a Runner, and the report. For
comparisons it has the bootstrap, confidence intervals and tests.
"""

from .dump import Dump, read_dump, write_dump
from .dump_metric import DumpScores
from .functional import (
    average_precision,
    compute_metrics,
    f1,
    f1_micro,
    macro,
    prior_roc_auc_micro,
    roc_auc,
    roc_auc_micro,
)
from .fuse import choose_weights, fuse_logits
from .resampling import (
    bootstrap_weights,
    paired_differences,
    resample_seeds,
    weighted_roc_auc,
    weighted_roc_auc_micro,
)
from .roc_auc_metric import ROCAUCMetric
from .roc_curves import mean_roc_curve, roc_band, weighted_roc_curves
from .score_table import format_table, write_metrics
from .statistics import bootstrap_p_value, delong, holm, interval, non_inferiority, paired_bootstrap

__all__ = [
    'Dump',
    'DumpScores',
    'ROCAUCMetric',
    'average_precision',
    'bootstrap_p_value',
    'bootstrap_weights',
    'choose_weights',
    'compute_metrics',
    'delong',
    'f1',
    'f1_micro',
    'format_table',
    'fuse_logits',
    'holm',
    'interval',
    'macro',
    'mean_roc_curve',
    'non_inferiority',
    'paired_bootstrap',
    'paired_differences',
    'prior_roc_auc_micro',
    'read_dump',
    'resample_seeds',
    'roc_auc',
    'roc_auc_micro',
    'roc_band',
    'weighted_roc_auc',
    'weighted_roc_auc_micro',
    'weighted_roc_curves',
    'write_dump',
    'write_metrics',
]
