"""Train, score and compare the rows of a results table, and report them."""

from .comparisons import Claim, LeftOut
from .report import claims_table, to_csv, to_markdown
from .roc_report import run_scores, save_roc_figures, scores_csv, scores_text
from .rows import GROUPS, Row, Training, make_rows
from .run_folders import DUMP, dumps_of
from .runs import Runs, resolve, score, train
from .sample_claims import clips_with_landmarks, cue_claim, read_cues, sample_claims
from .scores import Scores, found_clips, pool, prior_rows, read_scores
from .table import Table, check_same_clips, make_table, summarize

__all__ = [
    'Claim',
    'DUMP',
    'GROUPS',
    'LeftOut',
    'Row',
    'Runs',
    'Scores',
    'Table',
    'Training',
    'check_same_clips',
    'claims_table',
    'clips_with_landmarks',
    'dumps_of',
    'found_clips',
    'make_rows',
    'cue_claim',
    'make_table',
    'pool',
    'prior_rows',
    'sample_claims',
    'read_cues',
    'read_scores',
    'resolve',
    'run_scores',
    'save_roc_figures',
    'score',
    'scores_csv',
    'scores_text',
    'summarize',
    'to_csv',
    'to_markdown',
    'train',
]
