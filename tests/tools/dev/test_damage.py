import pytest
from damage import run


@pytest.mark.slow
def test_every_reader_refuses_damaged_files_or_reads_them_right(tmp_path):
    rows, faults = run(tmp_path / 'files', say=lambda text: None)
    assert sum(int(row[2]) for row in rows[1:]) >= 300
    assert faults == []
