"""How frames reach a method in one cell: its pipeline, with what the recipe chooses of it."""

from __future__ import annotations

from bench.data.pipelines import EXTENSIONS
from bench.data.pipelines.base import PipelineSpec
from bench.ground.errors import UsageError
from bench.planning.jobs import PreprocessingRef
from bench.planning.recipe import Recipe
from methods.facts import Preprocessing


def preprocessing_ref(
    chosen: Preprocessing, recipe: Recipe, *, training: bool, code_sha256: str = ""
) -> PreprocessingRef:
    """The part of a job that says how frames are made, with all options that matter to it.

    Args:
        chosen: The method's own.
        recipe: Its ``pipeline_options`` win over those of the method.
        training: False leaves out options that do nothing at test time.
        code_sha256: Of the pipeline.

    Raises:
        UsageError: There is no such pipeline, or it does not have these options.
    """
    return PreprocessingRef(
        pipeline=chosen.pipeline,
        options=EXTENSIONS.get(chosen.pipeline).completed(
            {**chosen.options, **recipe.pipeline_options}, training=training
        ),
        code_sha256=code_sha256,
        mean=chosen.mean,
        std=chosen.std,
    )


def training_spec(preprocessing: PreprocessingRef, recipe: Recipe) -> PipelineSpec:
    """What a training makes of a video."""
    return PipelineSpec(
        name=preprocessing.pipeline,
        mode="train",
        num_frames=recipe.num_frames,
        image_size=recipe.image_size,
        color_jitter=recipe.color_jitter,
        gray_scale=recipe.gray_scale,
        flip=recipe.flip,
        options=preprocessing.options,
    )


def test_spec(preprocessing: PreprocessingRef, recipe: Recipe) -> PipelineSpec:
    """What an evaluation makes of a video."""
    return PipelineSpec(
        name=preprocessing.pipeline,
        mode="val",
        num_frames=recipe.num_frames,
        image_size=recipe.image_size,
        clips=recipe.views_clips,
        crops=recipe.views_crops,
        options=preprocessing.options,
    )


def pipeline_errors(chosen: Preprocessing, recipe: Recipe, *, trains: bool) -> list[str]:
    """What a recipe asks of a method's pipeline that this one does not have, a line each."""
    try:
        definition = EXTENSIONS.get(chosen.pipeline)
    except UsageError as error:
        return [_line(error)]
    asked = PreprocessingRef(
        pipeline=chosen.pipeline,
        options={**chosen.options, **recipe.pipeline_options},
        mean=chosen.mean,
        std=chosen.std,
    )
    specs = [test_spec(asked, recipe), *([training_spec(asked, recipe)] if trains else [])]
    errors = (error for spec in specs for error in definition.errors(spec))
    return list(dict.fromkeys(map(_line, errors)))


def _line(error: UsageError) -> str:
    got = "" if error.got is None else f" (got {error.got}; allowed: {error.allowed})"
    return f"{error.what}{got}"
