"""Which clips a job reads: a clip list joined with a class list, by path and by content."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bench.data.datasets import stems_name_clips
from bench.ground.frozen import Frozen


class ClipsRef(Frozen):
    """A named clip list joined with a named class list.

    ``list_file`` holds ``<relative path> <label>`` lines, ``class_file`` an ``id,name`` table.
    Hashes are None while the files are absent (``bench plan`` without data).
    """

    dataset: str
    root: str
    clip_list: str
    list_file: str
    list_sha256: str | None
    classes: str
    class_file: str
    classes_sha256: str | None = Field(description="hash of the names in order, not of the file")
    listed: int | None = None
    num_classes: int | None = None
    synthetic: bool = False
    labels: str = Field(
        default="",
        description="which class names: 'paper' (the label file as it is), 'official', "
        "either with ', spaced'; '' = not stated",
    )
    list_origin: str = Field(default="", description="'given: FILE', or 'made by rule: …'")
    classes_origin: str = Field(default="", description="'given: FILE', or 'made by rule: …'")
    videos: str = Field(default="", description="'resized: …'; '' = originals")

    def identity(self) -> dict[str, Any]:
        """Content only: where the files lie does not matter, nor what they are called.

        The lists of the benchmark's datasets say which videos they mean; those of another dataset
        may be the same as theirs for other videos (a smaller copy, a distorted one), so its name
        counts.
        """
        if self.list_sha256 is None or self.classes_sha256 is None:
            usual = self.labels in ("", "paper")
            return {
                "dataset": self.dataset,
                "list": self.clip_list,
                "classes": self.classes,
                **({} if usual else {"labels": self.labels}),
            }
        # Only where there is something to say, so that all other keys are as they were.
        made = {"videos": self.videos} if self.videos else {}
        own = {} if stems_name_clips(self.dataset) else {"dataset": self.dataset}
        return {"list": self.list_sha256, "classes": self.classes_sha256, **made, **own}
