import pytest
import stock_families
from stock_families import FAMILIES, table_of

from emoreact_plugin.utils.files import write_json
from tests.factories import call_tool, load_tool, make_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Four clips for training, two for val and test each."""
    return make_tiny(tmp_path_factory.mktemp('clips'), counts=(4, 2, 2)).root


@pytest.mark.parametrize('name, way', [('tsm_mobilenetv2', 'alone'), ('x3d', 'stream')])
def test_a_cheap_family_runs(name, way, root, tmp_path):
    assert stock_families.run(name, way, root, tmp_path) == dict(result='ok', reason='')
    leaf = (tmp_path / 'leaf.py').read_text()
    assert FAMILIES[name].config in leaf and 'swin-tiny' not in leaf


def test_an_error_that_tells_what_to_mend_is_told_from_a_crash(root, tmp_path, monkeypatch):
    wrong = dict(tsn=dict(cls_head=dict(loss_cls=dict(type='CrossEntropyLoss'))), x3d=dict(x=1))
    for name, model in wrong.items():
        family = stock_families.Family(FAMILIES['tsn'].config, size=32, model=model)
        monkeypatch.setitem(FAMILIES, name, family)
    refused = stock_families.run('tsn', 'alone', root, tmp_path / 'refused')
    assert refused['result'] == 'refused' and 'softmax' in refused['reason']
    failed = stock_families.run('x3d', 'alone', root, tmp_path / 'failed')
    assert failed['result'] == 'failed' and failed['reason'].startswith('TypeError in ')


def test_what_is_in_the_results_is_not_run_again(root, tmp_path):
    ok, bad = dict(result='ok', reason=''), dict(result='failed', reason='a\nb')
    results = dict(tsn=dict(alone=ok, stream=bad))
    write_json(tmp_path / 'results.json', results)
    tool = load_tool('dev/stock_families')
    code, out, errors = call_tool(tool, '--only', 'tsn', '--out', tmp_path, '--data-root', root)
    assert code == 0, errors
    assert out.strip().endswith(table_of(results))
    assert table_of(results).splitlines()[2].endswith('| ok | failed | a |')
