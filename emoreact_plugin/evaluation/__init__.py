"""ROC AUC: functions on arrays, the metric that feeds them, the report."""
from .functional import (average_precision, compute_metrics, f1, f1_micro,
                         prior_roc_auc_micro, roc_auc, roc_auc_micro)
from .report import format_table, write_metrics
from .roc_auc_metric import ROCAUCMetric

__all__ = [
    'ROCAUCMetric', 'average_precision', 'compute_metrics', 'f1', 'f1_micro',
    'format_table', 'prior_roc_auc_micro', 'roc_auc', 'roc_auc_micro',
    'write_metrics'
]
