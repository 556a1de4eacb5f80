"""Change a resolved config by options: each edit finds our parts by their type.

An edit works on any config: ours, a user's own, one that a run dumped, or a pure-Python one, whose
types are classes. Where the config has no such part, the error says which part was looked for.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from mmengine.config import Config

from emoreact_plugin.clips.regions import BOTH, NEEDS
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.parts import is_a, type_name
from mmaction.registry import MODELS, TRANSFORMS

from .options import DEFAULTS, INPUTS, MASK_KIND, check_options, streams_of

SPLITS = ('train', 'val', 'test')
CROPPERS = ('CropRegions', 'LoadCrops')
# Type of a backbone -> --arch; that of a ResNet is told by its depth.
BACKBONES = dict(
    ResNet='resnet', ResNetTSM='resnet', MobileNetV2='mobilenet_v2', MobileNetV2TSM='mobilenet_v2'
)
# Arguments of a backbone that name its own start weights.
BROUGHT = ('pretrained', 'weights', 'init_cfg')
CHANNELS = dict(resnet18=512, resnet50=2048, mobilenet_v2=1280)
# Arguments about the stages of one arch, which another does not take over.
STAGES = ('num_stages', 'strides', 'dilations', 'out_indices')


def datasets_of(cfg: Config, splits: Sequence[str] = SPLITS) -> list[dict]:
    """Return the configs of the data sets of splits.

    For wrappers such as ``RepeatDataset``, it is the data sets inside that are returned.
    """
    found = []
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        queue = [loader['dataset']] if loader else []
        while queue:
            dataset = queue.pop(0)
            inner = dataset.get('datasets') or (
                [dataset['dataset']] if 'dataset' in dataset else []
            )
            queue[:0] = inner
            if not inner:
                found.append(dataset)
    return found


def needs_of(streams: Sequence[str], mask: bool) -> list[str]:
    """List the kinds of files that every clip must have.

    Args:
        streams (Sequence[str]): Names of regions.
        mask (bool): Whether masks are drawn.

    Returns:
        list[str]: Some of ``'keypoints'`` and ``'landmarks'``, sorted.
    """
    needs = {need for s in streams for need in NEEDS.get(s, BOTH)}
    return sorted(needs | ({'landmarks'} if mask else set()))


def edit(cfg: Config, options: dict[str, Any]) -> None:
    """Change a config in place by some options.

    Args:
        cfg (Config): A resolved config.
        options (dict[str, Any]): Some of :data:`~.options.DEFAULTS`.

    Raises:
        InputError: For an option or value that does not exist, for a config without the parts that
            an option changes, and for a mask on prepared crops.
    """
    check_options(options)
    for name, change in EDITS.items():
        if name in options:
            change(cfg, options[name])


def _pipelines(cfg: Config) -> Iterator[tuple[bool, list]]:
    """Yield the pipelines of all data sets, and those that the config names, as (train, steps)."""
    for split in SPLITS:
        for dataset in datasets_of(cfg, [split]):
            if dataset.get('pipeline'):
                yield split == 'train', dataset['pipeline']
        if isinstance(cfg.get(f'{split}_pipeline'), list):
            yield split == 'train', cfg[f'{split}_pipeline']


def _is_step(step: dict, *types: str) -> bool:
    return is_a(step, *types, registry=TRANSFORMS)


def _steps(cfg: Config, option: str, *types: str) -> list[dict]:
    """Return the steps of some types of all pipelines; refuse a config without any."""
    found = [s for _, steps in _pipelines(cfg) for s in steps if _is_step(s, *types)]
    if not found:
        raise _not_there(option, f'{" or ".join(types)} in a pipeline')
    return found


def _not_there(option: str, part: str) -> InputError:
    flag = '--' + option.replace('_', '-')
    return InputError(f'{flag}: expected a config with {part}, found none')


def _fusion_of(cfg: Config, option: str) -> dict:
    """Return the model; refuse another than a ``LateFusionRecognizer``."""
    model = cfg.get('model') or {}
    if not is_a(model, 'LateFusionRecognizer', registry=MODELS):
        raise _not_there(option, 'a LateFusionRecognizer')
    return model


def _recognizers(model: dict) -> list[dict]:
    streams = model.get('streams')
    return list(streams.values()) if isinstance(streams, dict) else [model['recognizer']]


def _networks(cfg: Config, option: str) -> list[dict]:
    """Return the streams' recognizers that are ours to change.

    These have a backbone of :data:`BACKBONES` that brings no weights of its own.
    """
    found = [
        network
        for network in _recognizers(_fusion_of(cfg, option))
        if type_name(network.get('backbone')) in BACKBONES
        and not _brings_weights(network['backbone'])
    ]
    if not found:
        raise _not_there(
            option,
            f'a LateFusionRecognizer with a backbone {", ".join(BACKBONES)} that gets its start '
            'weights from start_weights',
        )
    return found


def _brings_weights(backbone: dict) -> bool:
    """Return whether a backbone loads weights of its own, as stock configs say."""
    return any(backbone.get(name) for name in BROUGHT)


def _record(cfg: Config, **facts: Any) -> None:
    # A config without the record is not made ours by one flag.
    if cfg.get('recipe'):
        cfg['recipe'].update(facts)


def _set_input(cfg: Config, value: str) -> None:
    streams = streams_of(value)
    for step in _steps(cfg, 'input', *CROPPERS):
        step['regions'] = streams
    for step in _steps(cfg, 'input', 'ForEachStream'):
        if isinstance(step.get('transforms'), dict):
            step['transforms'] = _of_streams(step['transforms'], streams, 'ForEachStream')
        else:
            step['streams'] = streams
    for step in _steps(cfg, 'input', 'PackActionInputs'):
        kept = tuple(key for key in step.get('meta_keys', ()) if not key.endswith('_found'))
        step['collect_keys'] = tuple(f'{name}_imgs' for name in streams)
        step['meta_keys'] = (*kept, *(f'{name}_found' for name in streams))
    for _, steps in _pipelines(cfg):
        for step in steps:
            if _is_step(step, 'SampleStreamFrames'):
                step['streams'] = _of_streams(step['streams'], streams, 'SampleStreamFrames')
    model = _fusion_of(cfg, 'input')
    if isinstance(model['streams'], dict):
        model['streams'] = _of_streams(model['streams'], streams, 'LateFusionRecognizer')
        if isinstance(model.get('start_weights'), dict):
            given = model['start_weights']
            model['start_weights'] = {s: given[s] for s in streams if s in given} or None
    else:
        model['streams'] = streams
    names = [name for name, each in INPUTS.items() if each == streams]
    _record(cfg, input=names[0] if names else value)
    _set_required(cfg)


def _of_streams(settings: dict, streams: Sequence[str], part: str) -> dict:
    """Choose the settings of some streams; a new stream takes those that all others share."""
    settings = dict(settings)
    new = [name for name in streams if name not in settings]
    first, *others = settings.values()
    if new and any(other != first for other in others):
        raise InputError(
            f'--input: {part} has settings for {", ".join(settings)} that differ, and none for '
            f'{", ".join(new)}'
        )
    return {name: deepcopy(settings.get(name, first)) for name in streams}


def _set_required(cfg: Config) -> None:
    """Require the files that the pipelines need."""
    for dataset in datasets_of(cfg):
        steps = dataset.get('pipeline') or ()
        cropper = next((s for s in steps if _is_step(s, *CROPPERS)), None)
        if cropper is not None:
            masked = any(_is_step(s, 'DrawFaceMask') for s in steps)
            needs = needs_of(cropper['regions'], masked)
            dataset['required'] = [] if _is_step(cropper, 'LoadCrops') else needs


def _set_mask(cfg: Config, value: bool) -> None:
    if value and any(_is_step(s, 'LoadCrops') for _, steps in _pipelines(cfg) for s in steps):
        raise InputError(
            'mask: no mask can be drawn on prepared crops; prepare masked ones with '
            'tools/extract_frames.py --as crops --mask and leave out --mask'
        )
    _steps(cfg, 'mask', *CROPPERS)
    kind = (cfg.get('recipe') or {}).get('mask_kind', MASK_KIND)
    for train, steps in _pipelines(cfg):
        there = [step for step in steps if _is_step(step, 'DrawFaceMask')]
        if value and there:
            continue  # with its own kind and colour
        steps[:] = [step for step in steps if step not in there]
        at = next((i for i, s in enumerate(steps) if _is_step(s, 'CropRegions')), None)
        if value and at is not None:
            # In training, a clip gets a different mask every epoch.
            steps.insert(at, dict(type='DrawFaceMask', kind=kind, seed=None if train else 0))
    _record(cfg, mask=value)
    _set_required(cfg)


def _set_num_segments(cfg: Config, value: int) -> None:
    for step in _steps(cfg, 'num_segments', 'SampleFrames', 'SampleStreamFrames'):
        if _is_step(step, 'SampleStreamFrames'):
            _set_segments_of_streams(step['streams'], value)
        else:
            step['num_clips'] = value
    for network in _recognizers(_fusion_of(cfg, 'num_segments')):
        for part in (network['backbone'], network['cls_head']):
            if 'num_segments' in part:  # of TSM, a stock one as well
                part['num_segments'] = value
    _record(cfg, num_segments=value)


def _set_segments_of_streams(samplers: dict[str, dict], value: int) -> None:
    """Set the number of frames of the 2D streams; the clips of 3D networks stay as they are."""
    shared = [each for each in samplers.values() if each.get('num_frames') is not None]
    single = [each for each in samplers.values() if each.get('clip_len') == 1]
    if not shared and not single:
        raise _not_there(
            'num_segments', 'a 2D stream, with clip_len=1 or num_frames, in SampleStreamFrames'
        )
    for each in shared:
        each['num_frames'] = value
    for each in single:
        each['num_clips'] = value


def _set_arch(cfg: Config, value: str) -> None:
    for network in _networks(cfg, 'arch'):
        _replace(network, _facts_of(cfg, network), arch=value)
    _record(cfg, arch=value)


def _set_shift(cfg: Config, value: bool) -> None:
    for network in _networks(cfg, 'shift'):
        _replace(network, _facts_of(cfg, network), shift=value)
    _record(cfg, shift=value)


def _replace(network: dict, facts: dict[str, Any], **changes: Any) -> None:
    """Replace the backbone of a network and the type of its head; keep all other settings."""
    new = {**facts, **changes}
    ours = {*_backbone('resnet50', True, 8, 3), *_backbone('mobilenet_v2', True, 8, 3)}
    if new['arch'] != facts['arch']:
        ours.update(STAGES)
    others = {key: value for key, value in network['backbone'].items() if key not in ours}
    kind, frozen = type_name(network['backbone']), others.get('frozen_stages', -1)
    if frozen >= 0 and not new['arch'].startswith(BACKBONES[kind]):
        # The same number would freeze only a part of the other.
        raise InputError(
            f'--arch: expected a backbone without frozen_stages, a number of stages of {kind}, '
            f'found frozen_stages={frozen}; {new["arch"]} needs a config of its own'
        )
    network['backbone'] = dict(_backbone(**new), **others)
    head = dict(network['cls_head'], type='TSNHead')
    if new['arch'] != facts['arch']:
        head['in_channels'] = CHANNELS[new['arch']]
    head.pop('num_segments', None)
    if new['shift']:
        head.update(type='TSMHead', num_segments=new['segments'])
    network['cls_head'] = head


def _facts_of(cfg: Config, network: dict) -> dict[str, Any]:
    """Return what a network is, as the arguments of :func:`_backbone`."""
    backbone, recipe = network['backbone'], {**DEFAULTS, **(cfg.get('recipe') or {})}
    kind = type_name(backbone)
    clips = [s['num_clips'] for _, steps in _pipelines(cfg) for s in steps if 'num_clips' in s]
    return dict(
        arch=BACKBONES[kind] + (str(backbone['depth']) if kind.startswith('ResNet') else ''),
        shift=kind.endswith('TSM'),
        shift_div=backbone.get('shift_div', recipe['shift_div']),
        segments=backbone.get('num_segments', clips[0] if clips else recipe['num_segments']),
    )


def _backbone(arch: str, shift: bool, shift_div: int, segments: int) -> dict:
    suffix = ''
    shifts: dict[str, Any] = {}
    if shift:
        suffix = 'TSM'
        shifts = dict(num_segments=segments, shift_div=shift_div, pretrained2d=False)
    if arch == 'mobilenet_v2':
        return dict(type='MobileNetV2' + suffix, pretrained=None, **shifts)
    if shift:
        shifts['shift_place'] = 'blockres'
    depth = int(arch.replace('resnet', ''))
    return dict(type='ResNet' + suffix, pretrained=None, depth=depth, norm_eval=False, **shifts)


def _set_init(cfg: Config, value: str) -> None:
    scratch, model = value == 'scratch', _fusion_of(cfg, 'init')
    weights = None if scratch else value
    # Frozen statistics are of use only where they are of some data.
    model['partial_bn'] = not scratch
    if not isinstance(model['streams'], dict):
        model['start_weights'] = weights
        # Statistics that two streams learn in turns would be of neither.
        model['joint_batch_norm'] = scratch
    else:
        backbones = {name: network['backbone'] for name, network in model['streams'].items()}
        own = [name for name, backbone in backbones.items() if not _brings_weights(backbone)]
        if scratch or len(own) == len(backbones):
            model['start_weights'] = weights
        else:
            model['start_weights'] = dict.fromkeys(own, weights) or None
        for backbone in backbones.values() if scratch else ():
            for name in BROUGHT:
                if name in backbone:
                    backbone[name] = None
            for name in ('pretrained2d', 'partial_bn'):  # frozen statistics of no data
                if backbone.get(name):
                    backbone[name] = False
    _record(cfg, init=value)


def _set_crops(cfg: Config, value: str) -> None:
    if not value:
        return
    _steps(cfg, 'crops', *CROPPERS)
    if any(_is_step(s, 'DrawFaceMask') for _, steps in _pipelines(cfg) for s in steps):
        raise InputError(
            f'mask: no mask can be drawn on the crops in {value}; prepare masked ones with '
            'tools/extract_frames.py --as crops --mask and leave out --mask'
        )
    loaders = ('LoadLandmarks', 'DrawFaceMask')
    for _, steps in _pipelines(cfg):
        at = next((i for i, s in enumerate(steps) if _is_step(s, 'CropRegions')), None)
        if at is not None:
            usual = dict(blackout=dict(body='face'), blackout_fallback=False)
            for name, prepared in usual.items():
                if steps[at].get(name) not in (None, prepared):
                    raise InputError(
                        f'--crops: expected CropRegions with {name}={prepared}, as the crops in '
                        f'{value} are prepared, found {steps[at][name]}'
                    )
            gaps = [s['max_gap'] for s in steps if _is_step(s, 'LoadLandmarks') and 'max_gap' in s]
            steps[at] = dict(
                type='LoadCrops',
                regions=steps[at]['regions'],
                **(dict(max_gap=gaps[0]) if gaps else {}),
            )
            steps[:] = [
                step
                for step in steps
                if not _is_step(step, *loaders) and 'Decode' not in type_name(step)
            ]
    for dataset in datasets_of(cfg):
        dataset['data_prefix'] = dict(crops=value)
    _set_required(cfg)


def _set_shift_div(cfg: Config, value: int) -> None:
    for network in _networks(cfg, 'shift_div'):
        if 'shift_div' in network['backbone']:
            network['backbone']['shift_div'] = value
    _record(cfg, shift_div=value)


# In the order in which they are carried out.
EDITS: dict[str, Callable[[Config, Any], None]] = dict(
    input=_set_input,
    num_segments=_set_num_segments,
    arch=_set_arch,
    shift=_set_shift,
    shift_div=_set_shift_div,
    init=_set_init,
    mask=_set_mask,
    crops=_set_crops,
)
