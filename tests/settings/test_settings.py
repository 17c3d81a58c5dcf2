"""Each setting gives the trials that the protocol describes (specification: paper Section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import settings
from bench.data.datasets import CATALOGUE
from bench.ground.errors import UsageError
from settings.base import Trial


@dataclass
class Facts:
    name: str = "vifi-clip"
    trains: bool = True
    starts_from: str | None = None
    unsupported: str | None = None

    def supports(self, setting: str, dataset: str) -> str | None:
        return self.unsupported


def trials(
    setting: str, dataset: str, facts: Facts | None = None, **options: object
) -> list[Trial]:
    chosen = settings.get(setting)
    spec = CATALOGUE[dataset]
    facts = facts or Facts()
    assert chosen.skip(facts, spec) is None
    return chosen.trials(facts, spec, CATALOGUE, {**chosen.options, **options})


def test_names_follow_the_papers_tables() -> None:
    assert list(settings.names()) == ["zero-shot", "base-to-novel", "few-shot", "fully-supervised"]
    assert [settings.get(name).table for name in list(settings.names())] == ["T1", "T2", "T3", "T4"]


def test_unknown_setting_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown setting 'zeroshot'; did you mean 'zero-shot'\?"):
        settings.get("zeroshot")


def test_zero_shot_trains_once_and_scores_three_splits() -> None:
    result = [t for d in ("hmdb51", "ucf101", "kinetics600") for t in trials("zero-shot", d)]
    assert len(result) == 9
    assert len({t.training for t in result}) == 1
    training = result[0].training
    assert training is not None
    assert (training.dataset, training.clip_list, training.classes) == (
        "kinetics400",
        "train",
        "all",
    )
    assert [t.evaluation.clip_list for t in result[:3]] == ["val1", "val2", "val3"]
    assert [t.evaluation.classes for t in result[6:]] == [
        "zero_shot_1",
        "zero_shot_2",
        "zero_shot_3",
    ]
    assert [t.member for t in result[:3]] == ["split 1", "split 2", "split 3"]


def test_base_to_novel_scores_each_of_three_draws_on_both_halves() -> None:
    result = trials("base-to-novel", "ssv2")
    assert [(t.split, t.member) for t in result] == [
        (half, f"seed {n}") for n in (1, 2, 3) for half in ("base", "novel")
    ]
    assert {t.training.clip_list for t in result if t.training} == {
        "base_train_s1",
        "base_train_s2",
        "base_train_s3",
    }
    assert {t.evaluation.classes for t in result} == {"base", "novel"}
    assert all(t.training and t.training.classes == "base" for t in result)
    assert all(t.shots == 16 for t in result)


def test_few_shot_scores_only_the_split_that_the_draws_leave_free() -> None:
    result = trials("few-shot", "ucf101")
    assert [t.shots for t in result] == [2, 4, 8, 16]
    assert {t.evaluation.clip_list for t in result} == {"val1"}
    assert [t.training.clip_list for t in result if t.training] == [
        "few_shot_2",
        "few_shot_4",
        "few_shot_8",
        "few_shot_16",
    ]
    assert {t.evaluation.clip_list for t in trials("few-shot", "ssv2")} == {"val"}


def test_few_shot_options_choose_shots_and_repeats() -> None:
    result = trials("few-shot", "hmdb51", shots=(4,), repeats=3)
    assert [(t.shots, t.member) for t in result] == [(4, "seed 1"), (4, "seed 2"), (4, "seed 3")]
    assert len({t.training for t in result}) == 3


def test_fully_supervised_trains_on_the_whole_list() -> None:
    (trial,) = trials("fully-supervised", "kinetics400")
    assert trial.training is not None
    assert (trial.training.clip_list, trial.evaluation.clip_list) == ("train", "val")


@pytest.mark.parametrize(
    ("setting", "dataset", "count"),
    [
        ("zero-shot", "hmdb51", 3),
        ("base-to-novel", "hmdb51", 2),
        ("few-shot", "hmdb51", 4),
        ("fully-supervised", "kinetics400", 1),
    ],
)
def test_an_untrained_method_is_scored_once_a_list(setting: str, dataset: str, count: int) -> None:
    result = trials(setting, dataset, Facts(name="vanilla-clip", trains=False))
    assert len(result) == count
    assert all(t.training is None for t in result)


def test_a_bridged_method_starts_from_the_source_training() -> None:
    bridged = Facts(name="vl-prompting", starts_from="vifi-clip")
    for setting, dataset in (("base-to-novel", "hmdb51"), ("few-shot", "hmdb51")):
        parents = {t.training.starts_from for t in trials(setting, dataset, bridged) if t.training}
        (parent,) = parents
        (own,) = {t.training for t in trials("zero-shot", "hmdb51")}
        assert parent == own, "the bridge is the zero-shot training itself, so it is trained once"


def test_cells_that_do_not_exist_say_why() -> None:
    zero_shot, full = settings.get("zero-shot"), settings.get("fully-supervised")
    assert zero_shot.skip(Facts(), CATALOGUE["ssv2"]) == "SSv2 has no zero-shot protocol"
    assert full.skip(Facts(), CATALOGUE["hmdb51"]) == "HMDB-51 has no fully-supervised protocol"
    refusing = Facts(unsupported="needs 8 frames")
    assert zero_shot.skip(refusing, CATALOGUE["hmdb51"]) == "needs 8 frames"


def test_the_mini_world_has_the_roles_of_the_real_datasets() -> None:
    for name, spec in CATALOGUE.items():
        if spec.synthetic:
            real = CATALOGUE[name.removeprefix("mini-")]
            assert spec.settings == real.settings
            assert spec.title == "mini-" + real.title
