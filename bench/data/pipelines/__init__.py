"""The pipelines: by name, from a video file to uint8 frames."""

from __future__ import annotations

from bench.data.pipelines.base import (
    AUGMENTATIONS,
    Opener,
    Pipeline,
    PipelineDefinition,
    PipelineOptions,
    PipelineSpec,
)
from bench.ground.errors import UsageError
from bench.ground.extensions import Extensions, constant, modules_of


def _complete(value: object) -> PipelineDefinition:
    """A definition that says all it must say.

    Raises:
        UsageError: It does not.
    """
    if not isinstance(value, PipelineDefinition):
        raise UsageError(
            f"PIPELINE is {value!r}, not a bench.data.pipelines.base.PipelineDefinition"
        )
    if not (value.name and value.summary and callable(value.build)):
        raise UsageError("its PIPELINE needs a name, a summary and a function 'build'")
    if not (isinstance(value.options, type) and issubclass(value.options, PipelineOptions)):
        raise UsageError("the options of its PIPELINE do not derive from PipelineOptions")
    fields = value.options.model_fields
    lacking = [name for name, field in fields.items() if field.is_required()]
    if lacking:
        raise UsageError(f"options of its PIPELINE have no default: {', '.join(lacking)}")
    foreign = {*value.train_only} - {*fields} | {*value.augmentations} - {*AUGMENTATIONS}
    if foreign:
        raise UsageError(f"its PIPELINE names what does not exist: {', '.join(sorted(foreign))}")
    return value


EXTENSIONS = Extensions(
    "pipeline",
    group="bench.pipelines",
    built_in=lambda: modules_of("bench.data.pipelines", "PIPELINE"),
    check=_complete,
    found_in=constant("PIPELINE", lambda value: _complete(value).name),
)


def build(spec: PipelineSpec, open_video: Opener | None = None) -> Pipeline:
    """The pipeline that ``spec`` names.

    Args:
        spec: What to make of a video.
        open_video: How files are opened; None decodes them from disk each time.

    Raises:
        UsageError: The pipeline does not exist, or does not have what ``spec`` asks for.
    """
    from bench.data.video import decode

    definition = EXTENSIONS.get(spec.name)
    opener = decode.open_video if open_video is None else open_video
    return definition.build(definition.checked(spec), opener)
