"""The contract of a pipeline: a video file to the uint8 frames a model sees.

A pipeline is a module or a folder beside this one, an installed package's (entry-point group
``bench.pipelines``) or a plug-in file's, with one constant:

    class MyOptions(PipelineOptions):
        stride: int = Field(4, ge=1, description="frames from one sampled frame to the next")

    PIPELINE = PipelineDefinition(
        name="mine", summary="every fourth frame", build=MyPipeline, options=MyOptions
    )

``build(spec, open_video)`` gives a ``Pipeline``. Draws use the global generators of Python, numpy
and torch, in the order of the original code; the caller seeds them for each clip.

The key of a job holds the options and the code of the pipeline: its own module and what it imports
from ``bench.data.pipelines``, ``bench.data.transforms``, ``bench.data.video`` and its own folder or
package; see ``bench.ground.code_digest``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.ground.errors import UsageError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.video.decode import Video

Opener = Callable[[Path], "Video"]
"""Opens a video file; ``bench.data.video.decode.open_video`` or a cache in front of it."""

AUGMENTATIONS = ("color_jitter", "gray_scale", "flip")
"""Fields of ``PipelineSpec`` that a pipeline may not have."""


class PipelineOptions(BaseModel):
    """What else a pipeline lets a recipe choose; every field has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True)
class PipelineSpec:
    """What to make of a video.

    Attributes:
        name: Which pipeline.
        mode: ``train`` draws at random, ``val`` does not; ``every``: all frames of the video as
            ``train`` shows them without augmentation, each a view (T = 1).
        num_frames: T, frames per view.
        image_size: S, side of the square crop in pixels.
        clips: Temporal clips per video (``val`` only).
        crops: Spatial crops per video (``val`` only).
        color_jitter: Probability per clip (``train`` only).
        gray_scale: Probability per clip (``train`` only).
        flip: Probability per clip (``train`` only).
        options: The pipeline's own options.
    """

    name: str
    mode: Literal["train", "val", "every"]
    num_frames: int
    image_size: int
    clips: int = 1
    crops: int = 1
    color_jitter: float = 0.0
    gray_scale: float = 0.0
    flip: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def random(self) -> bool:
        """Whether two calls on one file may differ (training, and several temporal clips)."""
        return self.mode == "train" or self.clips > 1

    @property
    def views(self) -> int:
        """Views per video; the pipeline gives ``views * num_frames`` frames."""
        return self.clips * self.crops

    def fingerprint(self) -> str:
        """Hash of every field: two specs with equal fingerprints give equal frames."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ClipFrames:
    """Frames of one video before normalisation, in the order the model sees them.

    Attributes:
        frames: uint8 RGB [N,3,S,S] with N = views * T; crop outermost, then clip, then frame.
        frame_inds: int64, 0-based frame indices that were decoded, [clips * T].
        decoder: Library that decoded them, ``decord`` or ``pyav``.
    """

    frames: NDArray[np.uint8]
    frame_inds: NDArray[np.int64]
    decoder: str = ""


class Pipeline(Protocol):
    """A callable from a video file to frames."""

    spec: PipelineSpec

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and transform one video.

        Raises:
            bench.data.video.decode.DecodeError: The file gives no usable frames (with a reason
                code).
        """
        ...


@dataclass(frozen=True)
class PipelineDefinition:
    """What a pipeline says of itself, and how it is built.

    Attributes:
        name: Its name in ``Preprocessing.pipeline``.
        summary: One line for ``bench pipelines``.
        build: From a spec with all options filled in, and an opener, to the pipeline. Import what
            is slow inside it: planning reads the definition too.
        options: Its own options with their defaults and limits.
        train_only: Options that change nothing at test time.
        augmentations: Those of ``AUGMENTATIONS`` that it has.
        crops: Numbers of spatial crops that it has.
        gives_every_frame: It has the mode ``every``: without augmentations its training shows
            frames exactly as this mode does, whatever its options, and what it builds has
            ``sample(total_frames)``, the indices of the frames that are shown.
    """

    name: str
    summary: str
    build: Callable[[PipelineSpec, Opener], Pipeline]
    options: type[PipelineOptions] = PipelineOptions
    train_only: tuple[str, ...] = ()
    augmentations: tuple[str, ...] = AUGMENTATIONS
    crops: tuple[int, ...] = (1, 3)
    gives_every_frame: bool = False

    def completed(self, options: Mapping[str, Any], *, training: bool) -> dict[str, Any]:
        """The options with defaults put in, without those that do not matter.

        Raises:
            UsageError: An option does not exist, or may not have this value.
        """
        for error in self._option_errors(options):
            raise error
        left_out = set() if training else set(self.train_only)
        return self.options(**options).model_dump(mode="json", exclude=left_out)

    def checked(self, spec: PipelineSpec) -> PipelineSpec:
        """``spec`` with all options that matter filled in.

        Raises:
            UsageError: It asks for something that this pipeline does not have.
        """
        for error in self.errors(spec):
            raise error
        options = self.completed(spec.options, training=spec.mode == "train")
        return replace(spec, options=options)

    def errors(self, spec: PipelineSpec) -> list[UsageError]:
        """Everything in ``spec`` that this pipeline does not have."""
        errors = self._option_errors(spec.options)
        for name in AUGMENTATIONS:
            value = getattr(spec, name)
            if value and name not in self.augmentations:
                errors.append(
                    UsageError(
                        f"the pipeline {self.name} has no {name}",
                        got=f"{name} = {value:g}",
                        allowed=0,
                        next_step=f"set {name} to 0 in the recipe",
                    )
                )
        if spec.crops not in self.crops:
            allowed = " or ".join(map(str, self.crops))
            what = f"the pipeline {self.name} does not have this number of spatial crops"
            errors.append(UsageError(what, got=spec.crops, allowed=allowed))
        if spec.mode == "every" and not self.gives_every_frame:
            what = f"the pipeline {self.name} does not give all frames of a video"
            errors.append(UsageError(what, got="mode = 'every'"))
        return errors

    def _option_errors(self, options: Mapping[str, Any]) -> list[UsageError]:
        try:
            self.options(**options)
        except ValidationError as error:
            return [
                self._option_error(str(problem["loc"][0]), problem["msg"], options)
                for problem in error.errors()
            ]
        return []

    def _option_error(self, name: str, message: str, options: Mapping[str, Any]) -> UsageError:
        known = list(self.options.model_fields)
        got = f"{name} = {options.get(name)!r}"
        if name in known:
            what = f"the pipeline {self.name} does not take this value of its option '{name}'"
            return UsageError(what, got=got, allowed=message.removeprefix("Input should be "))
        guess = nearest(name, known)
        hint = f"; did you mean '{guess}'?" if guess else ""
        what = f"the pipeline {self.name} has no option '{name}'{hint}"
        return UsageError(what, got=got, allowed=", ".join(known) or "(no option)")
