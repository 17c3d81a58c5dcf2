from __future__ import annotations

from pathlib import Path

from bench.data.lists.clip_lists import read_list
from bench.data.lists.name_conflicts import NameConflict, audit_list
from bench.data.official.manifest_cache import OfficialData, prepare_manifest
from tests.bench.data import official_folders as official


def test_swapped_names_are_found_through_the_clips_not_the_positions(tmp_path: Path) -> None:
    folders = official.simple_hmdb(tmp_path, {"jump": 1, "kick": 2, "kick_ball": 3}, val=0)
    manifest, _ = prepare_manifest(
        OfficialData("hmdb51", folders.videos, folders.annotations, "hmdb")
    )
    path = tmp_path / "train1.txt"
    path.write_text(
        "clip_jump_0.avi 0\nclip_kick_0.avi 1\nclip_kick_1.avi 1\n"
        "clip_kick_ball_0.avi 2\nclip_kick_ball_1.avi 2\nCLIP_KICK_BALL_2.mp4 2\nother.avi 0\n"
    )
    swapped = audit_list(manifest, read_list(path), ("jump", "kick ball", "kick"))
    assert swapped.conflicts == (
        NameConflict(label=2, listed="kick", official="kick ball", clips=3),
        NameConflict(label=1, listed="kick ball", official="kick", clips=2),
    )
    assert (swapped.listed, swapped.conflicting, swapped.unknown) == (7, 5, ("other.avi",))
    right = audit_list(manifest, read_list(path), ("jump", "kick", "kick_ball"))
    assert right.conflicts == ()
