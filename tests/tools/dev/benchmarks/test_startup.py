import numpy as np
from benchmarks.startup import READ, startup_groups


def test_all_rows_start(tmp_path):
    (group,) = startup_groups(str(tmp_path), 40)
    assert group.title == 'start of a data set of 40 annotation rows'
    rows, dataset = group.calls[READ](0), group.calls['checked and ready'](0)
    assert len(rows) == len(dataset) == 40
    labels = [[float(row[name]) for name in dataset.classes] for row in rows]
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.video_ids[:2] == ['talk_f0-1', 'talk_f0-2']
    # Each part has frames of its own: 1 of the first, 2 of the second, ...
    assert dataset.summary().startswith(f'40 clips, {sum(range(1, 41))} frames')
