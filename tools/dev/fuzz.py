"""Give mutated files to one reader, with atheris if it is installed, else by a plain seeded loop.

Whatever a reader raises, except for an InputError or an OSError, is a fault: it is printed with the
file that raised it. A reader that takes more than ten seconds is one as well.
"""

import argparse
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path

from damage import ANSWERS, Kind, TimeLimitError, answer_of, make_kinds


def try_one(kind: Kind, data: bytes, out: Path) -> str | None:
    """Read one mutated file; keep it if the answer is a fault, and return the answer then."""
    kind.path.write_bytes(data)
    try:
        answer = answer_of(kind, kind.path)
    except TimeLimitError as error:
        answer = f'hang: {error}'
    if answer in ANSWERS or answer == 'other values' and (kind.text or kind.lossy):
        return None
    out.mkdir(parents=True, exist_ok=True)
    name = f'{kind.path.stem}-{abs(hash(data)):x}{kind.path.suffix}'
    (out / name).write_bytes(data)
    return f'{name}: {answer[:300]}'


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a file at up to eight places: bits, bytes, copies, cuts, numbers."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(changed) + 1)
        # Heads are small, and most of what a reader decides is in them.
        if rng.random() < 0.5:
            place = min(place, rng.randrange(600))
        size = rng.randint(1, 16)
        part = bytes(changed[place : place + size])
        new = rng.choice(
            (
                bytes([rng.randrange(256)]),
                bytes(each ^ (1 << rng.randrange(8)) for each in part),
                b'',
                part * rng.randint(2, 9),
                rng.choice((b'0', b'-1', b'9' * 30, b'nan', b'inf', b'1e999', b'\0', b'\xff' * 8)),
                rng.randbytes(size),
            )
        )
        changed[place : place + size] = new
    return bytes(changed)


def fuzz_plainly(kind: Kind, seconds: float, seed: int, out: Path) -> tuple[int, set[str]]:
    rng, faults, count = random.Random(seed), set(), 0
    end = time.process_time() + seconds
    while time.process_time() < end:
        count += 1
        fault = try_one(kind, mutate(kind.whole, rng), out)
        if fault:
            answer = fault.partition(': ')[2][:60]
            if answer not in faults:
                print(f'{kind.name}: {fault}', flush=True)
            faults.add(answer)
    return count, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('reader', help="such as 'dump' or 'landmark cache'; 'all' for each in turn")
    parser.add_argument('--seconds', type=float, default=600, help='processor time of each reader')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--plain', action='store_true', help='do not use atheris')
    parser.add_argument('--out', type=Path, default=Path('fuzz_found'))
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    with tempfile.TemporaryDirectory() as folder:
        kinds = {kind.name: kind for kind in make_kinds(Path(folder) / 'files')}
        if args.reader == 'all':
            chosen = [name for name in kinds if name != 'config file']  # it is run
        else:
            chosen = [args.reader]
        if not args.plain and len(chosen) == 1:
            try:
                import atheris
            except ImportError:
                print('atheris is not installed: a plain loop instead')
            else:
                fuzz_by_coverage(atheris, kinds[chosen[0]], args, Path(folder) / 'corpus')
        for name in chosen:
            count, faults = fuzz_plainly(kinds[name], args.seconds, args.seed, args.out)
            print(f'{name}: {count} files, {len(faults)} kinds of faults', flush=True)


def fuzz_by_coverage(atheris: object, kind: Kind, args: argparse.Namespace, corpus: Path) -> None:
    """Let atheris look for files that reach other lines of the package; it ends the process."""
    corpus.mkdir()
    (corpus / 'whole').write_bytes(kind.whole)
    for number, content in enumerate(kind.hostile.values()):
        (corpus / str(number)).write_bytes(content)

    def target(data: bytes) -> None:
        fault = try_one(kind, data, args.out)
        if fault:
            print(f'{kind.name}: {fault}', flush=True)

    options = [f'-max_total_time={args.seconds:.0f}', f'-seed={args.seed + 1}', '-timeout=20']
    for name, module in list(sys.modules.items()):
        if name.startswith('emoreact_plugin.') and name.endswith(READERS):
            for key, value in vars(module).items():
                if callable(value) and getattr(value, '__module__', None) == name:
                    setattr(module, key, instrumented(atheris, value))
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


READERS = (
    *('npz', 'cache_file', 'landmark_readers', 'annotations', 'masks_csv', 'dump', 'checkpoints'),
    *('reading', 'decoding', 'folders'),
)


def instrumented(atheris: object, value: object) -> object:
    """Return a function that tells atheris which lines it reaches; anything else as it is."""
    return atheris.instrument_func(value) if type(value).__name__ == 'function' else value


if __name__ == '__main__':
    main()
