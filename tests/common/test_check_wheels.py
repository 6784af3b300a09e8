"""Whether the pins have wheels: what is followed, and what is said; CI asks the index itself."""

import pytest
from packaging.requirements import Requirement

import check_wheels
from check_wheels import Host, Wheel
from common.errors import ChainError

NEW, OLD, ARM = Host((3, 13), "x86_64"), Host((3, 10), "x86_64"), Host((3, 12), "aarch64")


def wheels(**changed: list[str]) -> dict[str, Wheel]:
    """Return wheels of the core's packages, which require nothing but what ``changed`` says."""
    names = (
        "bcolz-zipline numpy onnx onnxsim opencv-python-headless protobuf scikit-learn scipy tqdm"
    )
    found = {
        name: Wheel("1", (2, 17), []) for name in (*names.split(), "networkx", "tomli", "rich")
    }
    for name, needs in changed.items():
        found[name] = Wheel("1", (2, 28), [Requirement(text) for text in needs])
    return found


def test_markers_are_those_of_the_other_host():
    given = wheels(
        onnx=["tomli>=2; python_version < '3.11'", "rich; platform_machine == 'aarch64'"],
        scipy=["networkx[default]>=3; sys_platform == 'linux'", "rich; extra == 'docs'"],
    )
    core = {"bcolz-zipline", "networkx", "numpy"}
    assert core | {"tomli"} < check_wheels.follow(["core"], OLD, given).keys()
    brought = check_wheels.follow(["core"], NEW, given)
    assert "networkx" in brought and not brought.keys() & {"bcolz-zipline", "tomli", "rich"}
    assert "rich" in check_wheels.follow(["core"], ARM, given)


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        ("numpy>=99", "onnx needs numpy>=99, and the pin is 2.2.6; change one"),
        ("left-pad", "left-pad must be pinned in constraints.txt"),
    ],
)
def test_what_pins_do_not_give_is_told(needs, why):
    with pytest.raises(ChainError, match=f"^Python 3.10 on x86_64: {why}"):
        check_wheels.follow(["core"], OLD, wheels(onnx=[needs]))


def test_a_wheel_for_newer_systems_only_must_be_declared(monkeypatch):
    def everything(glibc):
        names = check_wheels.parts.pins_for(*ARM)
        return lambda host, wanted: {name: Wheel(names[name], glibc, []) for name in wanted}

    monkeypatch.setattr(check_wheels, "find", everything((2, 35)))
    assert "openvino 2.35" in check_wheels.check(ARM, ["openvino"])
    with pytest.raises(ChainError, match=r"torch needs glibc 2\.35; say so in engines\.mk"):
        check_wheels.check(ARM, ["torch"])
    monkeypatch.setattr(check_wheels, "find", everything((2, 28)))
    assert "torch 2.28" in check_wheels.check(ARM, ["torch"])


def test_the_least_demanding_tag_of_a_wheel_counts():
    def glibc(tags):
        url = f"https://x/files/a-1-cp312-cp312-{tags}.whl"
        entry = {"download_info": {"url": url}, "metadata": {"name": "a", "version": "1"}}
        return check_wheels._wheel(entry).glibc

    assert glibc("manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64") == (2, 17)
    assert glibc("manylinux_2_35_aarch64") == (2, 35)
    assert glibc("manylinux1_x86_64") == (2, 5)
    assert glibc("any") == (0, 0)
