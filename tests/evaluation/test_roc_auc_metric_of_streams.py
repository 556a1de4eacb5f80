import pytest
import torch
from sklearn import metrics as sk

from tests.evaluation.test_roc_auc_metric import CLASSES, evaluate, make_case, stock_samples


@pytest.mark.parametrize('names', [('face', 'body'), ('face',)])
def test_each_of_several_streams_alone(names):
    logits, labels = make_case()
    samples = stock_samples(logits, labels)
    streams = {name: logits * sign for name, sign in zip(names, (1, -1), strict=False)}
    for k, sample in enumerate(samples):
        rows = {name: torch.tensor(rows[k]) for name, rows in streams.items()}
        sample.set_field(rows, 'stream_logits')
    found = evaluate(samples, scores='logits')
    alone = {key: value for key, value in found.items() if key.split('/')[0] in names}
    if len(names) == 1:
        assert not alone  # the stream is the whole
        return
    assert len(alone) == 2 * (2 + len(CLASSES))
    for name, scores in streams.items():
        micro = sk.roc_auc_score(labels, scores, average='micro')
        assert alone[f'{name}/roc_auc/micro'] == pytest.approx(micro)
        assert alone[f'{name}/roc_auc/macro'] == pytest.approx(sk.roc_auc_score(labels, scores))
        fear = sk.roc_auc_score(labels[:, 1], scores[:, 1])
        assert alone[f'{name}/roc_auc/Fear'] == pytest.approx(fear)
