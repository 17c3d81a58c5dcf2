"""A job: one command line, a content key, an atomic result.

``bench run-job <attempt>/job.json`` runs a job. Its key is the hash of everything that could
change the number (``identity``); paths, machines and folders are not part of it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bench.clip.backbone_ref import BackboneRef
from bench.data.lists.clips_ref import ClipsRef
from bench.ground.errors import DataError
from bench.ground.frozen import Frozen
from bench.planning.recipe import Recipe

FORMAT = 2
"""Part of every key; raised when the engine's own code changes a number, see ``tests/numbers``."""

TrainPolicy = Literal["error", "replace-within-class", "skip"]
"""What a training does about a clip that cannot be used."""


class MethodRef(Frozen):
    """A row: an adapter with its options and the version of its code."""

    row: str
    adapter: str
    options: dict[str, Any] = {}
    code_sha256: str = ""


class PreprocessingRef(Frozen):
    """How frames reach the method; see ``methods.base.Preprocessing``.

    ``options`` are all those of the pipeline that matter to the job, defaults included.
    """

    pipeline: str
    options: dict[str, Any] = {}
    code_sha256: str = ""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class ReleasedRef(Frozen):
    """A checkpoint that somebody released; its content is what matters, not where it lies."""

    path: str
    sha256: str | None = Field(description="None while the file is absent")


class _Job(Frozen):
    format: Literal[2] = 2
    method: MethodRef
    backbone: BackboneRef
    recipe: Recipe
    preprocessing: PreprocessingRef
    clips: ClipsRef
    seed: int
    cache: str = Field(default="", description="folder of the frame and feature caches; '' = none")
    keep_frames: bool = Field(
        default=True, description="False: of the caches, that of decoded test frames is not used"
    )
    cache_limit: int | None = Field(
        default=None, description="bytes of each cache; None: half of the disk's free space"
    )
    released: ReleasedRef | None = Field(
        default=None, description="what is scored, or what the training starts from"
    )
    plugins: tuple[str, ...] = Field(default=(), description="files that bring extensions")
    threads: int = Field(default=1, description="torch threads on CPU")
    workers: int = Field(default=0, description="decoding processes")
    policy: str = Field(default="error", description="what becomes of clips that cannot be used")

    def identity(self) -> dict[str, Any]:
        """Everything that could change the number."""
        # Only where there is one, so that the keys of all other jobs are as they were.
        released = {} if self.released is None else {"released": self.released.sha256}
        architecture = self.backbone.model_sha256
        return {
            **released,
            **({} if architecture is None else {"architecture": architecture}),
            "format": FORMAT,
            "adapter": self.method.adapter,
            "options": self.method.options,
            "code": self.method.code_sha256,
            "model": Path(self.backbone.model).stem,
            "weights": self.backbone.weights_sha256,
            "quick_gelu": self.backbone.quick_gelu,
            "recipe": self.recipe.identity(),
            "preprocessing": self.preprocessing.model_dump(mode="json"),
            "clips": self.clips.identity(),
            "policy": self.policy,
        }

    @property
    def key(self) -> str:
        """32 hexadecimal digits."""
        text = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class TrainJob(_Job):
    """Train a method on a clip list; the result is a checkpoint."""

    kind: Literal["train"] = "train"
    policy: TrainPolicy = "error"
    parent: str | None = Field(default=None, description="key of the training it starts from")

    @property
    def starts_from(self) -> str | None:
        """The parent's key, or the hash of the released file; None: CLIP."""
        if self.parent is not None or self.released is None:
            return self.parent
        return f"sha256 {self.released.sha256}"

    def identity(self) -> dict[str, Any]:
        """The common part, the seed and the parent."""
        return {**super().identity(), "kind": "train", "seed": self.seed, "parent": self.parent}


class EvaluateJob(_Job):
    """Score a clip list with a trained method, or with CLIP as it comes.

    Of the recipe only the frames, the size, the precision and the views matter here.
    """

    kind: Literal["evaluate"] = "evaluate"
    policy: Literal["error", "count-as-wrong", "exclude"] = "error"
    parent: str | None = Field(default=None, description="key of the training, None for CLIP")
    metrics: tuple[str, ...] = ("top1", "top5")
    metrics_code_sha256: dict[str, str] = {}
    overlap: int = Field(
        default=0, description="scored clips that were trained on; only where that was allowed"
    )

    def identity(self) -> dict[str, Any]:
        """The common part, the parent and the views; training values do not matter."""
        common = super().identity()
        recipe = self.recipe
        common["recipe"] = {
            "num_frames": recipe.num_frames,
            "image_size": recipe.image_size,
            "precision": recipe.precision,
            "views": [recipe.views_clips, recipe.views_crops],
        }
        random_views = {"seed": self.seed} if recipe.views_clips > 1 else {}
        return {
            **common,
            "kind": "evaluate",
            "parent": self.parent,
            "metrics": list(self.metrics),
            "metrics_code": self.metrics_code_sha256,
            **random_views,
        }


Job = Annotated[TrainJob | EvaluateJob, Field(discriminator="kind")]
JobAdapter: TypeAdapter[TrainJob | EvaluateJob] = TypeAdapter(Job)


def load_job(path: Path) -> TrainJob | EvaluateJob:
    """Read a ``job.json``.

    Raises:
        DataError: It is damaged, or of another version of the project.
    """
    try:
        return JobAdapter.validate_json(path.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise DataError(
            f"{path} is not a job of this version",
            got=f"{where}: {problem['msg']}" if where else problem["msg"],
            next_step="'bench run' plans and runs it again",
        ) from error


def job_name(job: TrainJob | EvaluateJob) -> str:
    """A name for people: ``evaluate vifi-clip mini-hmdb51/val1``."""
    return f"{job.kind} {job.method.row} {job.clips.dataset}/{job.clips.clip_list}"
