from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from bench.cli import main
from bench.engine.job.run_job import run_job
from bench.planning.jobs import TrainJob
from tests.bench.data.video_files import write_video
from tests.bench.engine.world import CLASSES, World, make_world

SHAPES = "a photo of a red square,a photo of a blue circle,a photo of a green star"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("predict"))


@pytest.fixture(scope="module")
def trained(world: World) -> Path:
    """The job folder of a training of the real engine."""
    job: TrainJob = world.train_job()
    folder = world.root / "run" / "jobs" / job.key
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    assert run_job(folder / "job.json") == 0
    return folder


def test_every_video_gets_its_line_and_a_bad_one_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "good.mp4")
    write_video(tmp_path / "-other.webm")
    (tmp_path / "text.mp4").write_text("no video" * 40)
    videos = ["good.mp4", "nix.avi", "./-other.webm", "text.mp4", "good.mp4"]
    flags = ["--method", "vanilla-clip", "--classes", SHAPES]
    assert main(["predict", *videos, *flags, "--top", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines.pop(0) == (
        "vanilla-clip on mini_clip (captioned stills of the mini world), checkpoint: none"
    )
    assert lines.pop(0) == (
        "Synthetic data: this CLIP knows coloured shapes and nothing else. For real videos: "
        "--config paper"
    )
    lines.insert(0, "")
    assert lines[1].startswith("prompts, the first: ")
    assert lines[2] == "good.mp4" and lines[6] == "./-other.webm"
    assert [line[:7].strip() != "" and "%" in line for line in lines[3:5]] == [True, True]
    assert lines[5] == "nix.avi: cannot be used: missing"
    assert lines[9].startswith("text.mp4: cannot be used: not_video (Invalid data found")
    assert len(lines) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "-other.webm",
        "good.mp4",
        "text.mp4",
    ]


def test_probabilities_sum_to_one_and_are_those_of_the_video(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    names = world.root / "names.txt"
    names.write_text("a photo of a red square\r\n\r\na photo of a blue square\r\n")
    videos = [str(world.root / "videos" / f"{label}_0.mp4") for label in (0, 2)]
    flags = ["--method", "vanilla-clip", "--classes-file", str(names), "--json"]
    assert main(["predict", *videos, *flags]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [video["video"] for video in body["videos"]] == videos
    best = [video["best"][0]["name"] for video in body["videos"]]
    assert best == ["a photo of a red square", "a photo of a blue square"]
    for video in body["videos"]:
        assert sum(guess["probability"] for guess in video["best"]) == pytest.approx(1.0)
    table = world.root / "names.csv"
    table.write_text("id,name\n0,a photo of a red square\n1,a photo of a blue square\n")
    flags[3] = str(table)
    assert main(["predict", *videos, *flags]) == 0
    assert json.loads(capsys.readouterr().out) == body


def test_a_training_of_ones_own(
    world: World, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = [str(world.root / "videos" / f"{label}_3.mp4") for label in range(3)]
    classes = ["--classes", ",".join(CLASSES), "--json"]
    run = str(world.root / "run" / trained.name[:8])
    assert main(["predict", *videos, "--run", run, *classes]) == 0
    by_run = json.loads(capsys.readouterr().out)
    assert by_run["method"] == "vifi-clip"
    assert by_run["checkpoint"] == f"training {trained.name}"
    file = str(trained / "checkpoint.safetensors")
    assert main(["predict", *videos, "--checkpoint", file, *classes]) == 0
    assert json.loads(capsys.readouterr().out) == by_run
    other = ["--run", run, "--method", "xclip"]
    assert main(["predict", *videos, *other, *classes]) == 2
    assert capsys.readouterr().err == (
        f"bench: {trained.name[:8]} is a job of vifi-clip, not of xclip\n"
        "  next:    leave --method out, or say --method vifi-clip\n"
    )
    assert main(["predict", *videos, "--run", str(world.root / "run/zz"), *classes]) == 1
    assert capsys.readouterr().err == (
        f"bench: no jobs of {world.root / 'run'} have a key that begins with 'zz'\n"
        f"  allowed: {trained.name[:8]}  train vifi-clip squares/all\n"
    )
    run = world.root / "run"
    assert main(["predict", *videos, "--run", str(run), *classes]) == 1
    assert capsys.readouterr().err == (
        f"bench: {run} is a run; which of its trainings?\n  got:     {run}\n"
        f"  allowed: --run RUN/KEY\n  next:    --run '{run}/?' lists its trainings\n"
    )


def test_a_copy_of_a_checkpoint_needs_its_method(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], world: World
) -> None:
    """Away from its job a checkpoint is a file like any other: method and CLIP must fit."""
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((trained / "checkpoint.safetensors").read_bytes())
    video = str(world.root / "videos" / "0_0.mp4")
    flags = ["--checkpoint", str(alone), "--classes", "a,b"]
    assert main(["predict", video, *flags]) == 2
    assert "bench: which method?" in capsys.readouterr().err
    assert main(["predict", video, *flags, "--method", "xclip"]) == 1
    assert "alone.safetensors is a checkpoint of vifi-clip, not of xclip" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (
            ["--method", "vifi-clip", "--classes", "a,b"],
            2,
            "bench: vifi-clip is nothing without training: it needs a checkpoint\n",
        ),
        (
            ["--method", "vifi-clop", "--classes", "a,b"],
            2,
            "bench: unknown method 'vifi-clop'; did you mean 'vifi-clip'?\n",
        ),
        (
            ["--method", "vanilla-clip", "--classes", "a"],
            2,
            "bench: there is nothing to choose from\n  got:     a\n",
        ),
        (
            ["--method", "vanilla-clip", "--classes", "a,b,a"],
            2,
            "bench: there is nothing to choose from\n  got:     a, b, a\n",
        ),
        (
            ["--method", "vanilla-clip", "--classes-file", "nix.txt"],
            1,
            "bench: cannot read nix.txt\n",
        ),
        (
            ["--method", "vifi-clip", "--checkpoint", "nix.pth", "--classes", "a,b"],
            1,
            "bench: no such checkpoint\n  got:     nix.pth\n",
        ),
        (
            ["--method", "vanilla-clip", "--setting", "few", "--classes", "a,b"],
            2,
            "bench: unknown setting in configuration 'mini' 'few'; did you mean 'few-shot'?\n",
        ),
        (["--run", "nix/1a", "--classes", "a,b"], 1, "bench: there are no jobs in nix\n"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "v.mp4", *flags]) == code
    assert capsys.readouterr().err.startswith(message)


def test_frames_of_a_training_can_be_chosen(
    world: World, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = str(world.root / "videos" / "0_3.mp4")
    flags = ["--run", str(world.root / "run" / trained.name[:8]), "--classes", ",".join(CLASSES)]
    seen = []
    for frames in ([], ["--num-frames", "1"]):
        assert main(["predict", video, *flags, *frames, "--json"]) == 0
        seen.append(json.loads(capsys.readouterr().out)["videos"][0]["best"])
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--config", "paper"], "--config"),
        (["--setting", "few-shot", "--plugin", "mine.py"], "--setting and --plugin"),
    ],
)
def test_what_a_training_fixes_is_refused(
    flags: list[str], named: str, world: World, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["--run", str(world.root / "run" / trained.name[:8]), "--classes", "a,b"]
    assert main(["predict", "v.mp4", *run, *flags]) == 2
    assert capsys.readouterr().err == (
        f"bench: {trained.name[:8]} is a training of yours: its configuration, setting and "
        "plug-ins are those it was made with\n"
        f"  got:     {named.replace(' and ', ', ')}\n"
        "  allowed: --method, --num-frames, --top, --json\n"
        f"  next:    leave {named} out\n"
    )


def test_weights_with_nan_are_an_error(
    world: World, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = load_file(trained / "checkpoint.safetensors")
    tensors["image_encoder.proj"][0, :2] = float("nan")
    note = {"trained": json.dumps({"method": "vifi-clip", "class_names": list(CLASSES)})}
    folder = tmp_path / "jobs" / trained.name
    folder.mkdir(parents=True)
    (folder / "job.json").write_bytes((trained / "job.json").read_bytes())
    save_file(tensors, folder / "checkpoint.safetensors", note)
    video = str(world.root / "videos" / "0_3.mp4")
    run = ["--run", str(tmp_path / trained.name), "--classes", ",".join(CLASSES), "--json"]
    assert main(["predict", video, *run]) == 1
    read = capsys.readouterr()
    assert read.out == ""
    size = tensors["image_encoder.proj"].numel()
    assert read.err == (
        "bench: the checkpoint holds values that are not finite (NaN or infinity)\n"
        f"  got:     2 of {size:,} in image_encoder.proj\n"
        "  next:    use a checkpoint from before the training went wrong, or fetch the file again\n"
    )
