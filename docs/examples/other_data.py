# A folder of videos and CSV files with columns of their own.
_base_ = 'emoreact_plugin::_base_/default_runtime.py'

from emoreact_plugin.recipes import build

globals().update(
    build(
        input='face',
        classes=('calm', 'angry', 'sad'),
        data_root='talks',
        data_prefix=dict(video='clips', landmarks='landmarks'),
        dataset=dict(columns=dict(video='file', start='from', end='to')),
    )
)
