from .comparisons import Bootstrap, Claim, Scores
from .planted import clips_with_landmarks, planted_claims, read_cues
from .report import to_csv, to_markdown
from .rows import GROUPS, Row, Training, make_rows
from .runs import Runs, score, train
from .table import Table, make_table

__all__ = [
    'Bootstrap', 'Claim', 'GROUPS', 'Row', 'Runs', 'Scores', 'Table',
    'Training', 'clips_with_landmarks', 'make_rows', 'make_table',
    'planted_claims', 'read_cues', 'score', 'to_csv', 'to_markdown', 'train'
]
