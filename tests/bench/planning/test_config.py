"""Configurations: the shipped ones are valid, wrong ones report everything at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ground.errors import ConfigError, UsageError
from bench.planning.load_config import CONFIGS, find_config, load_config

SHIPPED = sorted(p.stem for p in CONFIGS.glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations_are_valid(name: str) -> None:
    config = load_config(name)
    assert config.name == name
    for setting in config.settings:
        for row in config.rows(setting):
            for dataset in config.settings[setting].datasets:
                recipe = config.recipe_for(row, setting, dataset)
                assert set(recipe.sources) <= set(type(recipe).model_fields)
                assert all(recipe.sources.values())


@pytest.mark.parametrize(
    ("setting", "row", "expected"),
    [
        ("zero-shot", "vifi-clip", {"num_frames": 32, "epochs": 10, "lr": 8e-6, "clips": 256}),
        (
            "base-to-novel",
            "clip-text-ft",
            {"num_frames": 32, "epochs": 11, "lr": 2e-6, "clips": 64},
        ),
        ("few-shot", "clip-image-ft", {"num_frames": 32, "epochs": 50, "lr": 2e-6, "clips": 64}),
        (
            "fully-supervised",
            "vifi-clip",
            {"num_frames": 16, "epochs": 30, "lr": 2.2e-5, "clips": 512},
        ),
        (
            "fully-supervised",
            "clip-image-ft",
            {"num_frames": 16, "epochs": 30, "lr": 8e-6, "clips": 256},
        ),
    ],
)
def test_paper_recipes_have_the_released_values(
    setting: str, row: str, expected: dict[str, float]
) -> None:
    config = load_config("paper")
    recipe = config.recipe_for(row, setting, config.settings[setting].datasets[0])
    got = {
        "num_frames": recipe.num_frames,
        "epochs": recipe.epochs,
        "lr": recipe.lr,
        "clips": recipe.clips_an_update,
    }
    assert got == expected
    assert recipe.warmup_epochs == 5
    assert recipe.weight_decay == 0.001
    views = (4, 3) if setting == "fully-supervised" else (1, 1)
    assert (recipe.views_clips, recipe.views_crops) == views


def test_one_table_configurations_hold_one_setting() -> None:
    assert [list(load_config(f"table{n}").settings) for n in (1, 2, 3, 4)] == [
        ["zero-shot"],
        ["base-to-novel"],
        ["few-shot"],
        ["fully-supervised"],
    ]


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(f'_base_ = ["{CONFIGS / "paper.py"}"]\nname = "mine"\n{text}')
    return path


def test_wrong_keys_are_all_reported_with_the_nearest_right_ones(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'nmae = "x"\nmethods = {"vifi-clip": dict(optons=1)}\nworkers = -1\n',
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"3 errors in {path}; nothing was run:")
    assert "methods.vifi-clip.optons: unknown key; did you mean 'options'?" in message
    assert "nmae: unknown key; did you mean 'name'?" in message
    assert "workers: Input should be greater than or equal to 0 (got -1)" in message
    assert caught.value.exit_code == 2


def test_unknown_names_are_all_reported_with_the_nearest_right_ones(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'settings = {"few-shoot": dict(datasets=["hmdb5"])}\n'
        'recipes = dict(common=dict(values=dict(lrr=3)), mine=dict(methods=["vifi"], values={}))\n'
        'methods = {"mine": dict(adapter="vificlip", starts_from="clip")}\n',
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    errors = caught.value.errors
    assert "methods.mine.adapter: unknown adapter 'vificlip'; did you mean 'vifi-clip'?" in errors
    assert any(e.startswith("methods.mine.starts_from: unknown row 'clip'") for e in errors)
    assert "settings: unknown setting 'few-shoot'; did you mean 'few-shot'?" in errors
    assert "settings.few-shoot.datasets: unknown dataset 'hmdb5'; did you mean 'hmdb51'?" in errors
    assert "recipes.common.values: unknown value 'lrr'; did you mean 'lr'?" in errors
    assert "recipes.mine.methods: unknown row 'vifi'; did you mean 'vifi-clip'?" in errors
    assert len(errors) == 6


def test_wrong_recipe_values_name_the_cell(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'recipes = dict(mine=dict(settings=["few-shot"], values=dict(lr=-1, epochs=3)))\n',
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    cells = [load_config("paper").rows("few-shot"), ("hmdb51", "ucf101", "ssv2", "kinetics400")]
    assert caught.value.errors == (
        "recipe of vanilla-clip / few-shot / hmdb51: lr: Input should be greater than 0 (got -1); "
        f"likewise in {len(cells[0]) * len(cells[1]) - 1} more cells",
    )


def test_what_cannot_be_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = "a list of whole numbers from 1, for example [2, 4], or None: the dataset's own"
    wrong = {
        "name": "../elsewhere",
        "backbone.model": "ViT-B-61",
        "settings.few-shot.options.shots": 3,
        "settings.base-to-novel.options.repeats": 0,
        "settings.zero-shot.options.source": 400,
        "plugins": (str(tmp_path / "mine.py"),),
    }
    with pytest.raises(ConfigError) as caught:
        load_config("mini", wrong)
    assert caught.value.errors == (
        "name: '../elsewhere' is no name; letters, digits, '-', '_' and '.' are",
        "backbone.model: unknown CLIP model 'ViT-B-61'; did you mean 'ViT-B-16'?",
        "settings.zero-shot.options.source: got 400, allowed: the name of a dataset",
        "settings.base-to-novel.options.repeats: got 0, allowed: a whole number from 1, or None: "
        "the dataset's own",
        f"settings.few-shot.options.shots: got 3, allowed: {wanted}",
    )
    told = f"bench: plug-in {tmp_path / 'mine.py'} was left out: no such file\n"
    assert capsys.readouterr().err == told
    for shots in ([], [2.0], [0], "2", [True]):
        with pytest.raises(ConfigError, match=r"shots: got "):
            load_config("mini", {"settings.few-shot.options.shots": shots})
    with pytest.raises(ConfigError, match=r"cache_limit: .* greater than or equal to 0 \(got -1\)"):
        load_config("mini", {"cache_limit": -1})
    with pytest.raises(ConfigError, match="allowed: model, weights, quick_gelu, pretraining"):
        load_config("mini", {"backbone.zzz": 1})


def test_a_base_that_is_not_there_says_what_it_is_relative_to(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("_base_ = ['configs/mini.py']\n")
    with pytest.raises(UsageError) as caught:
        load_config(path)
    assert caught.value.what.startswith("configuration own.py names a file that is not there: ")
    assert caught.value.next_step == (
        "`_base_` is relative to own.py itself, unless it begins with '/'; the configurations that "
        f"come with the project lie in {CONFIGS}"
    )


def test_unknown_configuration_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no configuration file 'papr'; did you mean 'paper'\?"):
        find_config("papr")


def test_a_configuration_that_is_no_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("name = \n")
    with pytest.raises(UsageError, match=r"configuration broken\.py cannot be read: "):
        load_config(path)


def test_overrides_are_dotted_keys() -> None:
    config = load_config("paper", {"settings.few-shot.options.shots": [2], "workers": 3})
    assert config.setting_options("few-shot")["shots"] == [2]
    assert config.workers == 3


def test_the_paper_names_a_label_file_for_every_class_list_of_the_protocol() -> None:
    from bench.data.datasets import CATALOGUE

    config = load_config("paper")
    for name, dataset in config.datasets.items():
        for protocol in CATALOGUE[name].settings.values():
            wanted = {part.classes for parts in protocol.evaluate.values() for part in parts}
            assert wanted <= set(dataset.labels), name


def test_options_of_a_row_may_differ_by_setting(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'methods = {"vl": dict(adapter="vl-prompting", options=dict(n_ctx_vision=16), '
        'setting_options={"few-shot": dict(n_ctx_vision=10)})}\n',
    )
    config = load_config(path)
    assert config.options_for("vl", "base-to-novel") == {"n_ctx_vision": 16}
    assert config.options_for("vl", "few-shot") == {"n_ctx_vision": 10}


def test_unknown_adapter_options_are_reported(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'methods = {"vl": dict(adapter="vl-prompting", options=dict(n_ctx_vison=16))}\n',
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (error,) = caught.value.errors
    assert error == (
        "methods.vl.options: unknown option of vl-prompting 'n_ctx_vison'; "
        "did you mean 'n_ctx_vision'?"
    )


def test_values_of_adapter_options_are_checked_before_anything_runs(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "methods = {\n"
        '  "actionclip": dict(options=dict(fusion="Transff", temporal_shift=1)),\n'
        '  "vl": dict(adapter="vl-prompting", options=dict(n_ctx_vision=16.5, ctx_init=3),\n'
        '             setting_options={"few-shot": dict(n_ctx_text=True)}),\n'
        '  "xclip": dict(options=dict(prompts_alpha="small", drop_path_rate=0)),\n'
        "}\n",
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert sorted(caught.value.errors) == [
        "methods.actionclip.options.fusion: got 'Transff', allowed: Transf, meanP, Transf_cls, "
        "LSTM, Conv_1D",
        "methods.actionclip.options.temporal_shift: got 1, allowed: True or False",
        "methods.vl.options.ctx_init: got 3, allowed: a text",
        "methods.vl.options.n_ctx_vision: got 16.5, allowed: a whole number",
        "methods.vl.setting_options.few-shot.n_ctx_text: got True, allowed: a whole number",
        "methods.xclip.options.prompts_alpha: got 'small', allowed: a number",
    ]


def test_a_row_may_follow_the_recipe_of_another() -> None:
    config = load_config("table7")
    source = config.recipe_for("xclip-source", "zero-shot", "hmdb51")
    assert source == load_config("paper").recipe_for("xclip", "zero-shot", "hmdb51")
    assert (source.epochs, source.lr) == (10, 8e-6)


@pytest.mark.parametrize(
    ("name", "table"), [("table5", "T5"), ("table7", "T7"), ("mini_table8", "T8")]
)
def test_a_setting_may_stand_for_another_table(name: str, table: str) -> None:
    config = load_config(name)
    assert [config.table_of(setting) for setting in config.settings] == [table]
