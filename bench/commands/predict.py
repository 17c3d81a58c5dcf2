"""``bench predict VIDEO…``: own videos, own class names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.ground.errors import DataError, UsageError, unknown_name
from bench.ground.extensions import load_plugins
from results.run.layout import CHECKPOINT, JOB, JOBS

if TYPE_CHECKING:
    from bench.engine.scoring.prediction import Prediction, Predictions, Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("--method", metavar="NAME", help="row of the configuration, or adapter")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--checkpoint", type=Path, metavar="FILE", help="released weights")
    source.add_argument(
        "--run", metavar="RUN/KEY", help="a training of yours, for example runs/mini/1a2b3c4d"
    )
    names = parser.add_mutually_exclusive_group(required=True)
    names.add_argument("--classes", metavar="'a,b,c'", help="names, separated by commas")
    names.add_argument(
        "--classes-file", type=Path, metavar="F", help="one name per line, or a table number,name"
    )
    parser.add_argument("--config", help="configuration file or name (default: mini)")
    parser.add_argument(
        "--setting",
        metavar="NAME",
        help="whose recipe to take (default: the first one)",
    )
    parser.add_argument("--num-frames", type=int, metavar="T", help="frames a view")
    parser.add_argument("--top", type=int, default=5, metavar="K", help="classes to name")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a file with adapters"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print the likeliest classes of each video; 1 if one could not be used."""
    if args.top < 1:
        raise UsageError(f"--top {args.top} names no class", allowed="1 or more")
    names = _class_names(args)
    predictor = _predictor(args)
    from bench.engine.scoring.prediction import predict

    found = predict(predictor, args.videos, names, args.top)
    print(_document(found) if args.json else _text(found))
    return 1 if any(video.reason for video in found.videos) else 0


def _class_names(args: argparse.Namespace) -> tuple[str, ...]:
    if args.classes is not None:
        names = [name.strip() for name in args.classes.split(",")]
        return tuple(name for name in names if name)
    from bench.data.lists.class_files import read_class_file

    return read_class_file(args.classes_file)


def _predictor(args: argparse.Namespace) -> Predictor:
    if args.run is not None:
        return _of_training(args, _job_folder(args.run))
    beside = None if args.checkpoint is None else args.checkpoint.parent / JOB
    if beside is not None and beside.is_file():
        return _of_training(args, args.checkpoint.parent)
    return _of_config(args)


def _of_training(args: argparse.Namespace, folder: Path) -> Predictor:
    from bench.engine.scoring.prediction import from_training

    given = {
        "--config": args.config is not None,
        "--setting": args.setting is not None,
        "--plugin": bool(args.plugin),
    }
    refused = [flag for flag, is_given in given.items() if is_given]
    if refused:
        raise UsageError(
            f"{folder.name[:8]} is a training of yours: its configuration, setting and plug-ins "
            "are those it was made with",
            got=", ".join(refused),
            allowed="--method, --num-frames, --top, --json",
            next_step=f"leave {' and '.join(refused)} out",
        )
    predictor = from_training(folder, args.num_frames)
    method = predictor.job.method
    if args.method not in (None, method.row, method.adapter):
        raise UsageError(
            f"{folder.name[:8]} is a job of {method.row}, not of {args.method}",
            next_step=f"leave --method out, or say --method {method.row}",
        )
    return predictor


def _job_folder(text: str) -> Path:
    """The folder of ``RUN/KEY``; a key may be cut short.

    Raises:
        DataError: There is no such job, or several.
    """
    run, key = Path(text).parent, Path(text).name
    if run.name == JOBS:
        run = run.parent
    found = [place for place in sorted(run.glob(f"{JOBS}/*")) if (place / JOB).is_file()]
    if not found:
        whole = any(Path(text).glob("jobs/*/job.json"))
        raise DataError(
            f"{text} is a run; which of its trainings?" if whole else f"there are no jobs in {run}",
            got=text,
            allowed="--run RUN/KEY",
            next_step=f"--run '{Path(text)}/?' lists its trainings" if whole else None,
        )
    matching = [place for place in found if place.name.startswith(key)]
    if len(matching) != 1:
        from bench.planning.jobs import job_name, load_job

        trainings = [place for place in found if (place / CHECKPOINT).is_file()]
        shown = sorted(
            (job_name(load_job(place / JOB)), place.name[:8])
            for place in trainings
            if place in matching or not matching
        )
        raise DataError(
            f"{len(matching) or 'no'} jobs of {run} have a key that begins with '{key}'",
            allowed="\n           ".join(f"{digits}  {name}" for name, digits in shown)
            or "(no training)",
        )
    return matching[0]


def _of_config(args: argparse.Namespace) -> Predictor:
    if args.method is None:
        raise UsageError(
            "which method?",
            got="neither --method nor --run",
            allowed="--method NAME (bench methods lists them), or --run RUN/KEY",
            next_step="--method vanilla-clip needs no training",
        )
    import methods
    from bench.engine.scoring.prediction import from_config
    from bench.planning.load_config import load_config

    broken = load_plugins(args.plugin)
    if broken:
        raise UsageError("\n".join(map(str, broken)), next_step="mend the file, or drop it")
    plugins = tuple(str(Path(plugin).absolute()) for plugin in args.plugin)
    changes: dict[str, object] = {"plugins": plugins} if plugins else {}
    config = load_config(args.config, changes)
    if args.method not in config.methods:
        if args.method not in methods.names():
            raise unknown_name("method", args.method, {*config.methods, *methods.names()})
        changes[f"methods.{args.method}"] = {"adapter": args.method}
        config = load_config(args.config, changes)
    setting = args.setting
    if setting is None:
        setting = next(iter(config.settings))
    if setting not in config.settings:
        raise unknown_name(f"setting in configuration '{config.name}'", setting, config.settings)
    return from_config(config, args.method, setting, args.checkpoint, args.num_frames)


def _text(found: Predictions) -> str:
    seen = f" ({found.pretraining})" if found.pretraining else ""
    lines = [f"{found.method} on {found.backbone}{seen}, checkpoint: {found.checkpoint}"]
    if found.synthetic:
        lines.append(
            "Synthetic data: this CLIP knows coloured shapes and nothing else. For real videos: "
            "--config paper"
        )
    lines.append("prompts, the first: " + ", ".join(f"'{prompt}'" for prompt in found.prompts))
    for video in found.videos:
        lines += _lines(video)
    return "\n".join(lines)


def _lines(video: Prediction) -> list[str]:
    if video.reason:
        detail = f" ({video.detail})" if video.detail else ""
        return [f"{video.video}: cannot be used: {video.reason}{detail}"]
    return [
        video.video,
        *(f"  {100 * guess.probability:5.1f} %  {guess.name}" for guess in video.best),
    ]


def _document(found: Predictions) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(asdict(found), indent=1, allow_nan=False)
