import os

import pytest

from emoreact_plugin.preparation.jobs import plan, run_jobs
from emoreact_plugin.utils.errors import InputError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(folder)


class TestPlan:
    def test_names_relative_to_the_sources_are_kept(self, tmp_path):
        folder = touch(tmp_path / 'videos', 'b.mov', 'sub/a.mp4', 'out/c.mp4', 'a.txt')
        video = touch(tmp_path / 'more', 'd.webm') + '/d.webm'
        jobs = plan([folder, video], f'{folder}/out', '.npz')
        assert [(job.video, job.target) for job in jobs] == [
            ('b.mov', 'b.npz'),
            ('sub/a.mp4', 'sub/a.npz'),
            ('d.webm', 'd.npz'),
        ]
        assert jobs[1].path == f'{folder}/sub/a.mp4' and jobs[2].path == video
        jobs = plan([folder], f'{folder}/out', '', skip_out=False)
        assert [job.target for job in jobs] == ['b', 'out/c', 'sub/a']

    @pytest.mark.parametrize(
        'names, ending, message',
        [
            ((), '', 'expected videos .*mp4.*found none'),
            (('a.mp4', 'a.mov'), '.npz', r'a.mov and .*a.mp4 would both .*a\.npz; rename one'),
            (('a.mp4', 'a/b.mp4'), '', 'a/b.mp4 would be written into the folder of .*a.mp4'),
        ],
    )
    def test_places_that_are_refused(self, tmp_path, names, ending, message):
        (tmp_path / 'videos').mkdir()
        folder = touch(tmp_path / 'videos', *names)
        with pytest.raises(InputError, match=message):
            plan([folder], str(tmp_path / 'out'), ending)

    def test_a_video_is_not_written_over_itself(self, tmp_path):
        folder = touch(tmp_path, 'a.mp4')
        with pytest.raises(InputError, match='a.mp4: would be written over itself'):
            plan([folder], folder, '.mp4')
        assert len(plan([folder], folder, '.npz')) == 1

    def test_a_source_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='none.mp4: no such video'):
            plan(['none.mp4'], str(tmp_path), '')

    def test_videos_with_masks(self, tmp_path):
        folder = touch(tmp_path, 'a.mp4', 'b.mp4')
        (tmp_path / 'masks.csv').write_text('path,mask,frames,unmasked_frames\nb.mp4,kn95,4,1\n')
        with pytest.raises(InputError, match='b.mp4: .*masks'):
            plan([folder], str(tmp_path / 'out'), '', unmasked=True)
        assert len(plan([folder], str(tmp_path / 'out'), '')) == 2


@pytest.fixture
def jobs(tmp_path):
    return plan([touch(tmp_path, *(f'{k}.mp4' for k in 'dbca'))], str(tmp_path / 'out'), '.txt')


def make(job, path, on_frame):
    on_frame()
    if job.video == 'b.mp4':
        raise OSError('no space left')
    with open(path, 'x') as file:
        file.write(job.video)


def check(job, path):
    with open(path) as file:
        text = file.read()
    if text != job.video:
        raise InputError(f'{path}: expected {job.video}, found {text}')
    return text


def test_a_report_in_the_order_of_names(jobs, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'c.txt').write_text('c.mp4')
    (out / 'd.txt').write_text('another')
    report = run_jobs(jobs, str(out), make, check, workers=3)
    assert report.clips == ['a.mp4', 'c.mp4'] and report.before == 1
    assert [(path[-5:], type(error)) for path, error in report.errors] == [
        ('b.mp4', OSError),
        ('d.mp4', InputError),
    ]
    assert (out / 'd.txt').read_text() == 'another'


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(jobs, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    out.mkdir()
    # A user who may do anything may write into any folder, whatever its mode.
    monkeypatch.setattr('os.access', lambda path, mode: os.path.realpath(path) != str(out))
    with pytest.raises(InputError, match='out: cannot be written to'):
        run_jobs(jobs, str(out), make, check)
    assert not any(out.iterdir())
    for job in jobs:
        (out / job.target).write_text(job.video)
    assert run_jobs(jobs, str(out), make, check).before == len(jobs)  # nothing to write


def test_an_interrupt_stops_the_workers_at_their_next_frame(jobs, tmp_path, interrupted):
    (started, stopped), seen = interrupted, []

    def endless(job, path, on_frame):
        started.set()
        assert stopped.wait(10)
        for _ in range(1000):
            on_frame()
            seen.append(job)

    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, str(tmp_path / 'out'), endless, check, workers=2)
    assert not seen
