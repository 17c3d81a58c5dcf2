"""A training recipe: every value that the training loop reads, validated, with its provenance."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Recipe(BaseModel):
    """How one method is trained in one setting (specification: the release's yaml files).

    The batch is described as the original ran it, so that the number of updates and the mixing
    groups stay those of the original on any number of GPUs: an update takes
    ``micro_batch * replicas * accumulation`` clips; a mixing draw covers ``micro_batch`` clips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_frames: int = Field(ge=1, description="frames per view, T")
    image_size: int = Field(ge=8, description="side of the square crop in pixels, S")
    epochs: int = Field(ge=1)
    updates: int | None = Field(
        default=None, ge=1, description="updates in all, where the original counts these: wins"
    )
    warmup_epochs: float = Field(default=5, ge=0)
    lr: float = Field(gt=0, description="peak learning rate")
    schedule: Literal["vificlip", "actionclip", "cosine"] = Field(
        default="vificlip",
        description="vificlip: warm-up, a new rate every update, one cosine under all of it; "
        "actionclip: a cosine after the warm-up, to 0, moved at every tenth update; "
        "cosine: a new rate every update, no warm-up",
    )
    cosine_updates: int | None = Field(
        default=None, ge=1, description="length of schedule 'cosine'; None: the whole training"
    )
    lr_min_ratio: float = Field(default=0.01, ge=0, description="floor of the cosine / lr")
    weight_decay: float = Field(default=0.001, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8

    micro_batch: int = Field(default=4, ge=1, description="clips per GPU and forward pass")
    accumulation: int = Field(default=1, ge=1, description="micro-batches per update")
    replicas: int = Field(default=8, ge=1, description="GPUs of the original run")

    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    mixup_alpha: float = Field(default=0.8, ge=0)
    cutmix_alpha: float = Field(default=1.0, ge=0)
    cutmix_prob: float = Field(default=0.5, ge=0, le=1, description="cutmix instead of mixup")
    color_jitter: float = Field(default=0.8, ge=0, le=1, description="probability per clip")
    gray_scale: float = Field(default=0.2, ge=0, le=1, description="probability per clip")
    flip: float = Field(default=0.5, ge=0, le=1, description="probability per clip")
    pipeline_options: dict[str, Any] = Field(
        default_factory=dict,
        description="values for options of the method's pipeline, see 'bench pipelines'",
    )

    precision: Literal["fp32", "amp-fp16", "amp-bf16"] = Field(
        default="amp-fp16",
        description="amp-fp16: autocast + GradScaler on CUDA; on CPU it falls back to fp32",
    )
    views_clips: int = Field(default=1, ge=1, description="temporal clips per video at test time")
    views_crops: int = Field(default=1, ge=1, description="spatial crops per video at test time")
    sources: dict[str, str] = Field(
        default_factory=dict,
        description="field -> where its value comes from (paper, authors' repository, inferred)",
    )

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs ({self.warmup_epochs}) must not exceed epochs ({self.epochs})"
            )
        if self.schedule == "actionclip" and self.lr_min_ratio:
            raise ValueError("lr_min_ratio must be 0 with schedule 'actionclip', which ends at 0")
        if self.schedule == "cosine" and self.warmup_epochs:
            raise ValueError("warmup_epochs must be 0 with schedule 'cosine', which has none")
        if self.cosine_updates is not None and self.schedule != "cosine":
            raise ValueError("cosine_updates needs schedule 'cosine'")
        if self.updates is not None and self.schedule != "cosine":
            raise ValueError("updates needs schedule 'cosine'; the others are counted in epochs")
        return self

    def updates_in_all(self, updates_an_epoch: int) -> int:
        """Updates of the whole training, given how many an epoch of the data holds."""
        return self.epochs * updates_an_epoch if self.updates is None else self.updates

    @property
    def clips_an_update(self) -> int:
        """The effective batch size."""
        return self.micro_batch * self.replicas * self.accumulation

    def identity(self) -> dict[str, object]:
        """What a job's key is made from: every value once, no provenance.

        The pipeline's options are in the job's ``preprocessing``, with their defaults.
        """
        return self.model_dump(mode="json", exclude={"sources", "pipeline_options"})
