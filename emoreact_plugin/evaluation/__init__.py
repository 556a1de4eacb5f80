"""Score multi-label predictions by ROC AUC, and compare models.

The package has functions on arrays, the metric that feeds them from a Runner, and the report. For
comparisons it has label priors, confidence intervals and tests.
"""

from .calibration import Calibration, calibrate, calibration_error
from .dump import Dump, read_dump, write_dump
from .dump_metric import DumpScores
from .functional import (
    average_precision,
    compute_metrics,
    f1,
    f1_micro,
    macro,
    roc_auc,
    roc_auc_micro,
    sigmoid,
)
from .fuse import choose_weights, fuse_logits
from .jackknife import (
    Estimate,
    Values,
    combine,
    effective_number,
    holm,
    interval_of,
    left_out_weights,
)
from .priors import (
    STRENGTHS,
    LabeledClips,
    Priors,
    choose_strength,
    group_frequencies,
    label_frequencies,
)
from .resampling import bootstrap_weights, weighted_roc_auc, weighted_roc_auc_micro
from .roc_auc_metric import ROCAUCMetric
from .roc_curves import mean_roc_curve, roc_band, weighted_roc_curves
from .score_table import format_table, write_metrics
from .spread import collapse_text, collapsed_labels, scales_text, spread_of, standard_weights
from .within_groups import coarsest, within_groups

__all__ = [
    'Calibration',
    'Dump',
    'DumpScores',
    'Estimate',
    'LabeledClips',
    'Priors',
    'STRENGTHS',
    'ROCAUCMetric',
    'Values',
    'average_precision',
    'bootstrap_weights',
    'calibrate',
    'calibration_error',
    'choose_strength',
    'choose_weights',
    'coarsest',
    'collapse_text',
    'collapsed_labels',
    'combine',
    'compute_metrics',
    'effective_number',
    'f1',
    'f1_micro',
    'format_table',
    'fuse_logits',
    'group_frequencies',
    'holm',
    'interval_of',
    'label_frequencies',
    'left_out_weights',
    'macro',
    'mean_roc_curve',
    'read_dump',
    'roc_auc',
    'roc_auc_micro',
    'roc_band',
    'scales_text',
    'sigmoid',
    'spread_of',
    'standard_weights',
    'weighted_roc_auc',
    'weighted_roc_auc_micro',
    'weighted_roc_curves',
    'within_groups',
    'write_dump',
    'write_metrics',
]
