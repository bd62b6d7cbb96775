import pytest
import yaml

from facewave.ablation.variants import candidates, variant_options, with_grid
from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.config.table import CONFIG_PATH


def config(variants, **ablation):
    return check_config({"ablation": {"variants": variants, **ablation}})


def test_variants_change_what_they_name():
    given = config({"default": {}, "other": {"wavelet": {"coefficients": 32}}})
    plain, other = (variant_options(given, name) for name in ("default", "other"))
    assert other["wavelet"] == plain["wavelet"] | {"coefficients": 32}
    assert {k: v for k, v in other.items() if k != "wavelet"} == {
        k: v for k, v in plain.items() if k != "wavelet"
    }
    assert given["wavelet"]["coefficients"] == 10


def test_variants_change_options_of_the_fusion_one_by_one():
    given = config(
        {
            "default": {},
            "one": {"mlp": {"fusion": {"ensemble": 1}}},
            "plain": {"mlp": {"fusion": None}},
            "moved": {"mlp": {"projection": 0}},
        }
    )
    given["mlp"]["fusion"]["mixup"] = 0.7
    fusion = {
        name: variant_options(given, name)["mlp"]["fusion"] for name in ("default", "one", "plain")
    }
    assert fusion["default"]["mixup"] == 0.7
    assert fusion["one"] == fusion["default"] | {"ensemble": 1}
    assert fusion["plain"] is None
    with pytest.raises(ConfigError, match=r"mlp\.projection: .*mlp\.fusion: null"):
        variant_options(given, "moved")
    given["ablation"]["grid"] = {"mlp.fusion.projection": [8], "mlp.hidden": [[4]]}
    name = "projection_8_hidden_4"
    options = variant_options(with_grid(given), name)["mlp"]
    assert (options["hidden"], options["fusion"]) == ([4], fusion["default"] | {"projection": 8})


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"wavelet": {"coeficients": 3}}, "coeficients"),
        ({"wavelet": {"energy": False}}, r"wavelet.energy: true"),
        ({"features": {"head_pose": False}}, r"features.head_pose: true"),
        ({"features": {"align": "none"}}, r"mlp.fusion.mirror"),
        ({"mlp": {"inputs": ["pose_statistics"]}}, r"wavelet.statistics"),
    ],
)
def test_variants_that_cannot_be_are_refused(variant, message):
    with pytest.raises(ConfigError, match=message):
        variant_options(config({"default": variant}), "default")


def test_a_grid_becomes_variants():
    given = config({"default": {}})
    given["ablation"]["grid"] = {
        "wavelet.layout": ["paper", "segments"],
        "wavelet.coefficients": [8, 16],
        "mlp.inputs": [["blendshapes", "pose"]],
    }
    full = with_grid(check_config(given))
    assert list(full["ablation"]["variants"]) == [
        "default",
        "layout_paper_coefficients_8_inputs_blendshapes_pose",
        "layout_paper_coefficients_16_inputs_blendshapes_pose",
        "layout_segments_coefficients_8_inputs_blendshapes_pose",
        "layout_segments_coefficients_16_inputs_blendshapes_pose",
    ]
    options = variant_options(full, "layout_paper_coefficients_16_inputs_blendshapes_pose")
    assert (options["wavelet"]["layout"], options["wavelet"]["coefficients"]) == ("paper", 16)
    assert options["mlp"]["inputs"] == ["blendshapes", "pose"]
    assert given["ablation"]["variants"] == {"default": {}}
    assert with_grid(config({"default": {}}))["ablation"]["variants"] == {"default": {}}


def test_a_grid_that_cannot_be_is_refused():
    given = config({"default": {}, "projection_8": {}})
    given["ablation"]["grid"] = {"mlp.fusion.projection": [16, 8]}
    with pytest.raises(ConfigError, match="two variants 'projection_8'"):
        with_grid(given)
    given["ablation"]["grid"] = {"mlp.fusion": [None], "mlp.fusion.projection": [16]}
    with pytest.raises(ConfigError, match=r"mlp\.fusion and keys of it"):
        with_grid(given)
    given["ablation"]["grid"] = {"split.protocol": ["80-20"]}
    with pytest.raises(ConfigError, match=r"split\.protocol"):
        check_config(given)


@pytest.mark.parametrize("name", ["paper", "ablation", "ablation_main", "calibrated"])
def test_presets_are_valid(name):
    given = check_config({})
    preset = yaml.safe_load((CONFIG_PATH.parent / "presets" / f"{name}.yaml").read_text())
    for section, values in preset.items():
        given[section] |= values
    checked = check_config(given)
    for variant in checked["ablation"]["variants"]:
        variant_options(checked, variant)


VARIANTS = {
    "default": {},
    "wide": {"mlp": {"hidden": [128]}},
    "mixed": {"features": {"shuffle_time": True}},
    "chance": {"control": "shuffled_labels"},
}


def test_candidates_are_what_is_no_control():
    assert candidates(config(VARIANTS)) == ["default", "wide"]
    named = config(VARIANTS, candidates=["wide"])
    assert candidates(named) == ["default", "wide"]  # the reference is one of them


@pytest.mark.parametrize(
    ("names", "message"),
    [(["chance"], "is a control"), (["mixed"], "is a control"), (["wid"], "not among")],
)
def test_candidates_that_cannot_be_are_refused(names, message):
    with pytest.raises(ConfigError, match=message):
        candidates(config(VARIANTS, candidates=names))
