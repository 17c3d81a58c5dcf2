"""The schema of results: what a finished job says about itself. Version 1.

Records are JSON, validated on load; old versions keep loading (fixtures in
``tests/results/historic``). Numbers are percentages (top-1 of 100) unless said otherwise.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SCHEMA_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Frozen):
    """How many clips a number rests on."""

    listed: int = Field(description="rows of the clip list")
    present: int = Field(description="of these, files that exist")
    decoded: int = Field(description="of these, files that gave frames")
    scored: int = Field(description="clips the metrics are computed over")


class BadClip(_Frozen):
    """A clip that could not be used, and why."""

    clip: str
    reason: str
    detail: str = ""


class Provenance(_Frozen):
    """What a number was made with."""

    started: str = Field(description="UTC, ISO 8601")
    seconds: float
    git_commit: str | None = None
    git_dirty: bool | None = None
    packages: dict[str, str] = {}
    hardware: dict[str, str | int | float] = {}
    decoder: str = ""
    seeds: dict[str, int] = {}
    peak_memory_mb: float | None = None


class Protocol(_Frozen):
    """The facts two numbers must share to be ranked together."""

    backbone: str
    weights_sha256: str | None
    quick_gelu: bool
    pretraining: str
    dataset: str
    clip_list: str
    list_sha256: str
    classes: str
    class_names_sha256: str
    num_classes: int
    prompts: tuple[str, ...] = Field(description="text of the first classes, as tokenised")
    pipeline: str
    num_frames: int
    image_size: int
    views: str = Field(description="clips x crops, for example 4x3")
    precision: str
    checkpoint: str = Field(description="'last', 'none (zero-shot)', or 'released'")
    labels: str = Field(
        default="",
        description="'paper': names of the label file as it is; 'official': of the classes that "
        "the clips have officially; either with ', spaced'; '' in older records",
    )
    overlap: int = Field(default=0, description="scored clips that were trained on")
    videos: str = Field(
        default="", description="what was made of the videos, 'resized: …'; '' = originals"
    )
    list_origin: str = Field(
        default="", description="'given: FILE', or 'made by rule: …' (ours, not the authors')"
    )
    classes_origin: str = Field(default="", description="likewise of the class list")


class TrainRecord(_Frozen):
    """A finished training."""

    schema_version: Literal[1] = 1
    kind: Literal["train"] = "train"
    key: str
    method: str
    adapter: str
    checkpoint: str = Field(description="file beside the record")
    checkpoint_sha256: str
    epochs: int
    updates: int
    clips_seen: int
    final_loss: float | None
    trainable_parameters: int
    total_parameters: int
    initialised_from: str | None = Field(
        description="key of the parent training, 'sha256 ...' of a released file, or None"
    )
    counts: Counts
    bad_clips: tuple[BadClip, ...] = ()
    policy: str = Field(default="error", description="what was done about bad clips")
    replaced: int = Field(
        default=0, description="times that another clip of its class took a bad clip's place"
    )
    left_out: int = Field(default=0, description="times that a bad clip left its place empty")
    recipe: dict[str, object]
    provenance: Provenance


class EvaluationRecord(_Frozen):
    """A finished evaluation."""

    schema_version: Literal[1] = 1
    kind: Literal["evaluate"] = "evaluate"
    key: str
    method: str
    adapter: str
    training: str | None = Field(description="key of the training, or None for CLIP as it comes")
    metrics: dict[str, float]
    counts: Counts
    bad_clips: tuple[BadClip, ...] = ()
    scores: str = Field(
        description="npz beside the record: ids, labels, best fp32 [n], fp16 [n,C] below best"
    )
    protocol: Protocol
    provenance: Provenance


Record = Annotated[TrainRecord | EvaluationRecord, Field(discriminator="kind")]
RecordAdapter: TypeAdapter[TrainRecord | EvaluationRecord] = TypeAdapter(Record)


class Failure(_Frozen):
    """A job that did not finish; a row in the tables, never a hole."""

    schema_version: Literal[1] = 1
    kind: Literal["failure"] = "failure"
    key: str
    reason: str = Field(
        description="user | cuda_oom | oom | disk_full | killed | timeout | lost | parent"
    )
    message: str
    attempt: int
    log: str
