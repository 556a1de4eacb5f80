"""MMAction2's own tools and data sets with ours, see docs/stock_models.md."""

import csv
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from sklearn.metrics import roc_auc_score

import mmaction
from mmaction.apis import inference_recognizer, init_recognizer
from mmaction.registry import DATASETS
from tests.factories import NO_WORKERS, call_tool, load_tool, save_checkpoint, write_config

pytestmark = pytest.mark.slow
TOOLS = Path(mmaction.__file__).parent / '.mim' / 'tools'


@pytest.fixture(scope='module')
def tested(tiny, tmp_path_factory):
    """Test a model with our tool: config, checkpoint, dump, work dir."""
    folder = tmp_path_factory.mktemp('stock_tools')
    config = write_config(folder / 'config.py', data_root=str(tiny.root), shift=False)
    checkpoint = save_checkpoint(folder / 'c.pth', cfg=Config.fromfile(config))
    dump = folder / 'x.pkl'
    options = ['--dump', dump, '--work-dir', folder, '--cfg-options', *NO_WORKERS]
    code, _, errors = call_tool('test', config, checkpoint, *options)
    assert code == 0, errors
    return config, checkpoint, dump, folder


def run_tool(name, *arguments):
    code, out, errors = call_tool(load_tool(TOOLS / name), *arguments)
    assert code == 0, errors
    return out


def test_eval_metric_scores_our_dump(tested):
    config, _, dump, folder = tested
    expected = mmengine.load(folder / 'test_metrics.json')['results']['test']
    out = run_tool('analysis_tools/eval_metric.py', config, dump)
    # The log's warning that such a model has collapsed stands among the scores.
    lines = [line for line in out.splitlines() if ': ' in line and 'WARNING' not in line]
    found = dict(line.strip(' ,').split(': ') for line in lines)
    found = {key.strip("'"): value for key, value in found.items()}
    for name in ('roc_auc/micro', 'roc_auc/macro', 'f1/micro'):
        assert float(found[name]) == pytest.approx(expected[name], abs=1e-9)
    assert float(found['f1/class 0']) == pytest.approx(expected['f1/Curiosity'], abs=1e-9)


def test_get_flops_counts_the_streams(tested):
    out = run_tool('analysis_tools/get_flops.py', tested[0], '--shape', 3, 3, 32, 32)
    assert 'Input shape: (3, 3, 32, 32)' in out and 'Flops: ' in out


def test_inference_recognizer_scores_a_clip_of_the_data_set(tested):
    config, checkpoint, dump, _ = tested
    model = init_recognizer(str(config), checkpoint, device='cpu')
    dataset = DATASETS.build(model.cfg.test_dataloader.dataset)
    for i, saved in enumerate(mmengine.load(dump)):
        sample = inference_recognizer(model, dataset.get_data_info(i), dataset.pipeline)
        torch.testing.assert_close(sample.pred_score, saved['pred_score'], rtol=1e-3, atol=1e-5)


def test_roc_auc_of_a_stock_video_dataset(tiny, tmp_path):
    """VideoDataset(multi_class=True): a line a clip, its name and the numbers of its labels."""
    with open(tiny.root / 'test.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    classes = [name for name in rows[0] if name not in ('', 'video', 'Valence')]
    lines = [
        ' '.join([row['video'], *(str(i) for i, c in enumerate(classes) if row[c] == '1')])
        for row in rows
    ]
    (tmp_path / 'test.txt').write_text('\n'.join(lines) + '\n')
    pipeline = [
        dict(type='PyAVInit'),
        dict(type='SampleFrames', clip_len=1, num_clips=3, test_mode=True),
        dict(type='PyAVDecode'),
        dict(type='Resize', scale=(32, 32), keep_ratio=False),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs'),
    ]
    head = dict(
        type='TSNHead',
        num_classes=8,
        in_channels=512,
        init_std=1.0,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        average_clips='score',
    )
    cfg = Config(
        dict(
            default_scope='mmaction',
            work_dir=str(tmp_path),
            experiment_name='video_dataset',
            model=dict(
                type='Recognizer2D',
                backbone=dict(type='ResNet', depth=18, pretrained=None),
                cls_head=head,
                data_preprocessor=dict(type='ActionDataPreprocessor', mean=[99] * 3, std=[9] * 3),
            ),
            test_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    type='VideoDataset',
                    ann_file=str(tmp_path / 'test.txt'),
                    data_prefix=dict(video=str(tiny.root / 'videos')),
                    metainfo=dict(classes=tuple(classes)),
                    multi_class=True,
                    num_classes=8,
                    pipeline=pipeline,
                    test_mode=True,
                ),
            ),
            test_cfg=dict(),
            test_evaluator=[
                dict(type='ROCAUCMetric', scores='logits'),
                dict(type='DumpResults', out_file_path=str(tmp_path / 'x.pkl')),
            ],
        )
    )
    torch.manual_seed(0)
    result = Runner.from_cfg(cfg).test()
    saved = mmengine.load(tmp_path / 'x.pkl')
    labels = np.stack([each['gt_label'] for each in saved])
    np.testing.assert_array_equal(labels, tiny.labels['test'])
    scores = np.stack([each['pred_score'] for each in saved])
    expected = roc_auc_score(labels, scores, average='micro')
    assert result['roc_auc/micro'] == pytest.approx(expected)
    each = roc_auc_score(labels, scores, average=None)
    assert [result[f'roc_auc/{name}'] for name in classes] == pytest.approx(list(each))
