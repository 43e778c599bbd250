"""The list of parts, from wheels of a few bytes."""

import json
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import bus
from host.tools.paths import ROOT
from host.tools.runtime import own_lock
from host.tools.sbom import sbom

NPM = json.loads((ROOT / "package-lock.json").read_text())["packages"]
INFO = {"python": "3.14.9", "arch": "wasm32"}


@pytest.fixture
def runtime(tmp_path):
    folder = tmp_path / "pyodide"
    folder.mkdir()
    for name, requires in (
        ("pydantic", ["typing_extensions>=4", "nowhere"]),
        ("typing_extensions", []),
    ):
        meta = f"Name: {name}\nLicense-Expression: PSF-2.0\n"
        meta += "".join(f"Requires-Dist: {one}\n" for one in requires)
        with ZipFile(folder / f"{name}-1.2.3-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}-1.2.3.dist-info/METADATA", meta)
    (folder / "pyodide-lock.json").write_text(own_lock(INFO, folder))
    return tmp_path


@pytest.fixture
def parts(runtime):
    return {part["bom-ref"]: part for part in json.loads(sbom(runtime))["components"]}


def test_it_is_cyclonedx_1_6(runtime):
    text = sbom(runtime)
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert json.loads(text)["specVersion"] == "1.6"
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"library"', '"novel"')) is not None


def test_it_is_the_same_each_time(runtime):
    assert sbom(runtime) == sbom(runtime)
    assert "timestamp" not in sbom(runtime)


def test_another_part_makes_another_number(runtime):
    before = json.loads(sbom(runtime))["serialNumber"]
    lock = runtime / "pyodide/pyodide-lock.json"
    lock.write_text(lock.read_text().replace("3.14.9", "3.14.10"))
    after = json.loads(sbom(runtime))["serialNumber"]
    assert before != after
    assert before.startswith("urn:uuid:")


def test_it_is_about_this_bus(runtime):
    part = json.loads(sbom(runtime))["metadata"]["component"]
    assert part["name"] == "sso-bus"
    assert part["version"] == bus.VERSION
    assert part["licenses"] == [{"license": {"id": "MIT"}}]


def test_it_names_what_runs_in_the_browser_and_nothing_else(parts):
    pyodide = NPM["node_modules/pyodide"]["version"]
    pyscript = NPM["node_modules/@pyscript/core"]["version"]
    assert set(parts) == {
        f"pkg:npm/pyodide@{pyodide}",
        f"pkg:npm/%40pyscript/core@{pyscript}",
        "pkg:generic/cpython@3.14.9",
        "pkg:pypi/pydantic@1.2.3",
        "pkg:pypi/typing-extensions@1.2.3",
    }
    assert all(part["licenses"] for part in parts.values())
    assert all(part["purl"] == ref for ref, part in parts.items())


def test_each_part_that_is_downloaded_has_the_hash_of_its_lock(runtime, parts):
    lock = json.loads((runtime / "pyodide/pyodide-lock.json").read_text())["packages"]
    for ref, part in parts.items():
        hashes = {one["alg"]: one["content"] for one in part.get("hashes", [])}
        if ref.startswith("pkg:pypi/"):
            assert hashes == {"SHA-256": lock[part["name"]]["sha256"]}
        elif ref.startswith("pkg:npm/"):
            assert set(hashes) == {"SHA-512"}
            assert len(hashes["SHA-512"]) == 128
        else:
            assert not hashes  # CPython comes inside Pyodide


def test_it_tells_what_needs_what(runtime):
    needs = {
        one["ref"].split("@1.2.3")[0]: one.get("dependsOn", [])
        for one in json.loads(sbom(runtime))["dependencies"]
    }
    assert needs["pkg:pypi/pydantic"] == ["pkg:pypi/typing-extensions@1.2.3"]
    assert needs["pkg:generic/sso-bus@" + bus.VERSION]
