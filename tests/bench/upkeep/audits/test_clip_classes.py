from __future__ import annotations

import pytest

from bench.data.official.manifest import Manifest, ManifestRow
from bench.upkeep.audits.clip_classes import by_annotations, by_clip_names, by_folders
from bench.upkeep.audits.source_classes import word_stems

HMDB = ["kick", "kick ball", "sword", "sword exercise", "shoot ball", "shoot gun"]


@pytest.mark.parametrize(
    ("clip", "name"),
    [
        ("20060723sfjffbartsinger_kick_f_cm_np1_ba_med_0.avi", "kick"),
        ("Fight_Club_sword_sword_exercise_u_nm_np2_le_goo_12.avi", "sword exercise"),
        ("Amazing_Soccer_#2_kick_ball_f_cm_np1_ba_bad_4.avi", "kick ball"),
        ("(2)[Ünï;!]__shoot_ball_l_nm_np1_ri_med_0.mp4", "shoot ball"),
        ("kick_h_cm_np1_fr_goo_1.avi", "kick"),
        ("some_dance_f_cm_np1_fr_med_0.avi", None),
        ("kick.avi", None),
    ],
)
def test_classes_in_hmdb_clip_names(clip: str, name: str | None) -> None:
    classes = by_clip_names("hmdb", HMDB)
    assert classes is not None
    assert classes.of(f"some/folder/{clip}") == name


def test_classes_in_ucf_clip_names() -> None:
    classes = by_clip_names("ucf", ["HandstandPushups", "Archery"])
    assert classes is not None
    assert classes.of("v_HandStandPushups_g01_c01.avi") == "HandstandPushups"
    assert classes.of("Archery/v_Archery_g25_c07.mp4") == "Archery"
    assert classes.of("v_YoYo_g01_c01.avi") == "YoYo"
    assert classes.of("archery.avi") is None
    assert by_clip_names("kinetics", ["archery"]) is None


def test_classes_of_folders_and_annotations() -> None:
    folders = by_folders(["riding a bike"])
    assert folders.of("train/riding_a_bike/x.mp4") == "riding a bike"
    assert folders.of("train/x.mp4") is None
    assert folders.of("x.mp4") is None
    rows = [("a/x.mp4", 0, "a"), ("b/x.mp4", 1, "b"), ("b/y.mp4", 1, "b")]
    manifest = Manifest("hmdb51", tuple(ManifestRow(p, p, i, n, ("val",), 1) for p, i, n in rows))
    annotated = by_annotations(manifest)
    assert annotated.of("flat/Y.webm") == "b"
    assert annotated.of("x.mp4") is None  # of two classes
    own = by_annotations(Manifest("mine", manifest.rows))
    assert own.of("b/x.webm") == own.of("videos/B/x.mp4") == "b"
    assert own.of("a/y.mp4") is None  # another clip than b/y.mp4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ride bike", "riding a bike"),
        ("RopeClimbing", "climbing a rope"),
        ("WalkingWithDog", "walking the dog"),
        ("clap", "clapping"),
        ("Lunges", "lunge"),
    ],
)
def test_words_without_endings(one: str, other: str) -> None:
    assert word_stems(one) == word_stems(other)
    assert word_stems(one) != word_stems("playing cards")
