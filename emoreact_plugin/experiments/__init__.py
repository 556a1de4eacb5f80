from .comparisons import Bootstrap, Claim
from .planted import clips_with_landmarks, planted_claims, read_cues
from .report import claims_table, to_csv, to_markdown
from .rows import GROUPS, Row, Training, make_rows
from .runs import Runs, resolve, score, train
from .scores import Scores, read_scores
from .table import Table, make_table

__all__ = [
    'Bootstrap', 'Claim', 'GROUPS', 'Row', 'Runs', 'Scores', 'Table',
    'Training', 'claims_table', 'clips_with_landmarks', 'make_rows',
    'make_table', 'planted_claims', 'read_cues', 'read_scores', 'resolve',
    'score', 'to_csv', 'to_markdown', 'train'
]
