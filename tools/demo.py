"""Score the emotions of videos, or of a camera, with a trained checkpoint.

These are written into --out: results.json, clips.csv (a row per video),
windows.csv (a row per window of the sliding window), and each video
annotated, as <its whole name>_annotated.mp4: boxes, bars, and the emotions
over time. What an earlier run has written there is computed anew and replaced.

Landmarks are read from files beside the videos, as tools/extract_landmarks.py
and OpenFace write them. Without such files they are found on the way with the
extra `landmarks`; without that extra, whole frames are used, with a warning.
Nothing is downloaded and nothing is sent anywhere.

The scores estimate how annotators would label a clip. They do not say what
somebody feels and are not for judging individuals.
"""

import argparse
import os
import os.path as osp
import sys

from emoreact_cli import MASK_KINDS


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        'checkpoint',
        help='trained checkpoint, with its config in it, an ONNX file, or the '
        'folder of a training: its best checkpoint',
    )
    add(
        'videos',
        nargs='*',
        metavar='video',
        help='videos, and folders that are searched for videos',
    )
    add('--config', metavar='FILE', help='config file, instead of the one in the checkpoint')
    add(
        '--camera',
        type=int,
        metavar='N',
        help='score this camera until Ctrl-C; its pictures are not kept',
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--landmarks', metavar='DIR', help='folder of the landmark files')
    where.add_argument(
        '--extract', action='store_true', help='find landmarks now, also where there are files'
    )
    where.add_argument(
        '--no-landmarks', action='store_true', help='use whole frames; the scores mean little'
    )
    add(
        '--person',
        metavar='WHOM',
        help='whom of several people: largest (over the video, the default), central, left, right, '
        'or all, who get results and videos of their own; or the name that landmark files have',
    )
    add('--mask', action='store_true', help='draw a mask on every face')
    add('--mask-kind', choices=MASK_KINDS, help='which (default: surgical)')
    add(
        '--window',
        type=float,
        default=5.0,
        metavar='SECONDS',
        help='length of the sliding window (default: 5)',
    )
    add(
        '--stride',
        type=float,
        default=1.0,
        metavar='SECONDS',
        help='from one window to the next (default: 1)',
    )
    add(
        '--threshold',
        type=float,
        metavar='P',
        help="probability from which an emotion is a label (default: the model's)",
    )
    add('--device', help='such as cpu (default: a GPU where there is one)')
    add(
        '--out',
        metavar='DIR',
        help='the output folder (default: demo beside the checkpoint)',
    )
    add('--no-video', action='store_true', help='write no annotated videos')
    add(
        '--full-size',
        action='store_true',
        help='annotated videos keep the size of the frames (default: at most 1280 pixels a side)',
    )
    add(
        '--batch-size',
        type=int,
        default=8,
        metavar='N',
        help='windows scored at a time (default: 8)',
    )
    add(
        '--skip-bad-clips',
        type=float,
        metavar='SHARE',
        help='stop as soon as more than this share of the videos has failed, 0..1, and count as a '
        'success with fewer (default: go on to the end, and exit with code 1 if one has failed)',
    )
    add(
        '--show',
        action='store_true',
        help='with --camera: open a window, and write to files as well',
    )
    return parser.parse_intermixed_args()


if __name__ == '__main__':
    ARGS = parse_args()  # before the imports below, which take seconds

import cv2

import emoreact_plugin  # noqa: F401  registers the parts, mends the wheels
from emoreact_plugin.datasets.bad_clips import check_share, refuse_above, skipped_line
from emoreact_plugin.engine.console import say
from emoreact_plugin.engine.errors import check_display, clear_errors, list_errors
from emoreact_plugin.inference import EmotionInferencer, Results
from emoreact_plugin.inference.annotate import overlay_of
from emoreact_plugin.inference.results import highest
from emoreact_plugin.inference.sources import find_sources
from emoreact_plugin.utils.errors import InputError
from emoreact_plugin.utils.progress import write_above
from emoreact_plugin.utils.text import number
from emoreact_plugin.video.folders import VIDEO_ENDINGS


def check_args(args):
    folder = args.checkpoint if osp.isdir(args.checkpoint) else osp.dirname(args.checkpoint)
    args.out = args.out or osp.join(folder, 'demo')
    if osp.splitext(args.checkpoint)[1].lower() in VIDEO_ENDINGS:
        raise InputError(
            f'{args.checkpoint}: expected the checkpoint first, then the videos, found a video'
        )
    if (args.camera is None) == (not args.videos):
        raise InputError(
            'expected videos, or --camera N, found ' + ('both' if args.videos else 'neither')
        )
    if args.camera is not None and not 0 <= args.camera < 2**31:
        raise InputError(f'--camera: expected a number from 0 to 2147483647, found {args.camera}')
    if args.skip_bad_clips is not None:
        check_share(args.skip_bad_clips)
    if args.mask_kind and not args.mask:
        raise InputError('--mask-kind: expected --mask as well')
    if args.show and args.camera is None:
        raise InputError('--show: expected --camera N; videos are annotated in files')
    if args.show:
        check_display()


def inferencer_of(args):
    landmarks = args.landmarks or (
        'extract' if args.extract else 'none' if args.no_landmarks else 'auto'
    )
    mask = (args.mask_kind or 'surgical') if args.mask else None
    return EmotionInferencer(
        args.checkpoint,
        args.config,
        args.device,
        mask=mask,
        threshold=args.threshold,
        landmarks=landmarks,
        window_seconds=args.window,
        stride_seconds=args.stride,
        batch_size=args.batch_size,
        person=args.person,
    )


def line_of(name, probabilities, labels):
    """Describe the emotions of a clip or window in one line, the most probable first."""
    return f'{name}: {", ".join(labels) or "no label"} ({highest(probabilities)})'


def score_videos(inferencer, args):
    """Score the videos; return the results, and what ended the run early, or None."""
    clips, failure = [], None
    sources = find_sources(args.videos, args.out)
    try:
        # The folder is named in any case: videos in it are results.
        for clip in inferencer.run(
            args.videos, args.out, annotate=not args.no_video, full_size=args.full_size
        ):
            clips.append(clip)
            if clip.error is None:
                write_above(line_of(clip.name, clip.probabilities, clip.labels))
                for warning in set(clip.warnings) - inferencer.said:
                    write_above(f'  WARNING: {warning}')
            elif args.skip_bad_clips is not None:
                names = [each.name for each in clips if each.error is not None]
                refuse_above(args.skip_bad_clips, names, len(sources), clip.error)
    except (KeyboardInterrupt, Exception) as error:
        if not clips and not isinstance(error, KeyboardInterrupt):
            raise
        failure = error
    done = {clip.video for clip in clips}
    left_out = [each.path for each in sources if each.path not in done]
    return Results(clips, inferencer.about, reason_of(failure), left_out), failure


def reason_of(failure):
    """Say in words what ended a run; None if nothing did."""
    if failure is None:
        return None
    return (
        'stopped by Ctrl-C'
        if isinstance(failure, KeyboardInterrupt)
        else str(failure) or type(failure).__name__
    )


def score_camera(inferencer, args):
    """Score a camera until Ctrl-C.

    Return the results, and the error that ended it, or None.
    """
    results, failure = [], None
    with inferencer.stream(args.camera) as stream:
        say(
            f'camera {args.camera}, {stream.fps:g} frames a second; the first '
            f'result after {args.window:g} s, Ctrl-C ends it'
        )
        try:
            for result in stream:
                without = result.latency_ms - result.landmarks_ms
                say(
                    line_of(f'{result.end_s:.1f} s', result.probabilities, result.labels)
                    + f' {result.latency_ms:.0f} ms, without landmarks '
                    f'{without:.0f} ms, {result.dropped} frames dropped'
                )
                # Numbers only: pictures of hours would fill the memory.
                results.append(result.without_frame())
                if args.show:
                    show(result, stream.as_clip(results), inferencer)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            if not results:
                raise
            failure = error
        return Results([stream.as_clip(results)], inferencer.about, reason_of(failure)), failure


def show(result, clip, inferencer):
    frame = result.frame
    overlay = overlay_of(clip, frame.shape[1::-1], inferencer)
    image = overlay.draw(frame, result.end_s, result.boxes)
    try:
        cv2.imshow('emotions', image[..., ::-1])
        cv2.waitKey(1)
    except cv2.error as error:
        raise InputError(
            f'--show: this OpenCV cannot open a window; leave it out ({error})'
        ) from error


@clear_errors()
def main(args):
    check_args(args)
    path = osp.join(args.out, 'results.json')
    with inferencer_of(args) as inferencer:
        clips = inferencer.about['calibrated_on_clips']
        thresholds = '' if args.threshold is not None else ', and the thresholds of labels chosen,'
        say(
            'the probabilities are '
            + (
                f'calibrated{thresholds} on {number(clips, "clip")} of val'
                + ' of the drawn sample data' * inferencer.of_sample_data
                if clips
                else 'not calibrated'
            )
        )
        if args.camera is not None:
            results, failure = score_camera(inferencer, args)
        else:
            results, failure = score_videos(inferencer, args)
    os.makedirs(args.out, exist_ok=True)
    if osp.exists(path):
        say(f'{args.out}: the results that were there are replaced')
    results.write_json(path)
    results.write_csv(args.out)
    if results.collapsed:
        say(f'WARNING: {results.collapsed}')
    say(
        f'{number(len(results) - len(results.errors), "clip")} in '
        f'{args.out}: results.json, clips.csv, windows.csv'
        + (' and annotated videos' if any(each.annotated for each in results) else '')
    )
    if failure is not None:
        total = number(len(results) + len(results.left_out), 'clip')
        say(
            f'stopped after {len(results)} of {total}'
            + ('; results.json and clips.csv name those left out' if results.left_out else '')
        )
    if isinstance(failure, Exception):
        raise failure
    if failure is not None:
        sys.exit(130)
    errors = [(each.video, ValueError(each.error)) for each in results.errors]
    if errors and args.skip_bad_clips is not None:
        say(skipped_line([each.name for each in results.errors], len(results)))
    list_errors(errors, stop=args.skip_bad_clips is None)


if __name__ == '__main__':
    main(ARGS)
