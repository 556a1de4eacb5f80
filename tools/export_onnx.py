"""Export a trained recognizer as ONNX, and compare both on real clips.

tools/demo.py and EmotionInferencer take the file in place of a checkpoint.
"""

import argparse
import os.path as osp


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('checkpoint', help='checkpoint file, or the folder of a training: its best one')
    add(
        'videos',
        nargs='+',
        metavar='VIDEO',
        help='to compare on, two or more; landmark files are looked for beside them',
    )
    add('--config', metavar='FILE', help='config file (default: the one in the checkpoint)')
    add('--out', metavar='DIR|FILE.onnx', help='(default: beside the checkpoint, by its name)')
    return parser.parse_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import clear_errors
from emoreact_plugin.inference.pipeline import ClipPipeline
from emoreact_plugin.inference.scorers.onnx_export import export_onnx, require_onnx
from emoreact_plugin.inference.scorers.torch_scorer import TorchScorer
from emoreact_plugin.models import load_recognizer
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.files import output_path
from emoreact_plugin.utils.text import number
from emoreact_plugin.weights.checkpoints import read_checkpoint, resolve_checkpoint


def packed(cfg, path):
    """Pack a video as the network sees it."""
    pipeline, clip = ClipPipeline(cfg), Clip(path)
    sample = pipeline.sample(clip.total_frames, clip.name)
    inds = sample['frame_inds']
    return pipeline.pack(sample, clip.read(inds), clip.landmarks.of(inds))


@clear_errors()
def main(args):
    require_onnx()
    checkpoint = resolve_checkpoint(args.checkpoint)
    folder, name = osp.split(checkpoint)
    out = output_path(args.out or folder, osp.splitext(name)[0] + '.onnx', '.onnx')
    if len(args.videos) < 2:
        raise InputError(
            f'expected two videos or more to compare the ONNX file on, found {len(args.videos)}'
        )
    read = read_checkpoint(checkpoint)
    cfg, model = load_recognizer(read, args.config)
    scorer = TorchScorer(cfg, model, read.dataset_meta, read.calibration, checkpoint)
    clips = [packed(cfg, path) for path in args.videos]
    say('exporting, which takes a minute or more')
    difference = export_onnx(scorer, clips, out)
    say(f'{out}: the logits of {number(len(clips), "clip")} differ by {difference:.1e} at most')


if __name__ == '__main__':
    main(ARGS)
