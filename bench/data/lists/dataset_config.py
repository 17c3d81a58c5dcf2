"""Where a dataset lies, as a configuration states it."""

from __future__ import annotations

from pydantic import Field

from bench.data.lists.label_choice import LabelChoice
from bench.ground.frozen import Frozen


class DatasetConfig(Frozen):
    """Where a dataset lies; what is absent is derived by rule or reported as missing."""

    root: str | None = Field(default=None, description="folder of the videos")
    annotations: str | None = Field(default=None, description="folder of the official annotations")
    format: str | None = Field(
        default=None, description="kinetics | hmdb | ucf | ssv2 | folders | csv"
    )
    title: str | None = Field(
        default=None, description="name in the tables; makes a dataset of your own known"
    )
    manifest: str | None = Field(default=None, description="manifest file, if one was made")
    lists: dict[str, str] = Field(default={}, description="clip list name -> file")
    labels: dict[str, str] = Field(default={}, description="class list name -> csv")
    class_names: LabelChoice | None = Field(
        default=None, description="as 'labels' of the configuration, for this dataset alone"
    )
    class_texts: str = Field(
        default="raw", description="what stands for a class's name; spaced: 'Apply Eye Makeup'"
    )
    generate: str | None = Field(default=None, description="'mini': made on first use")
    source: str | None = Field(
        default=None, description="dataset whose classes the zero-shot draws leave out"
    )
