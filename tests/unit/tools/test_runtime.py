"""The lock that Pyodide installs our wheels by."""

import json
from hashlib import sha256
from zipfile import ZipFile

from host.tools.runtime import own_lock


def wheel(folder, name, version, *requires):
    path = folder / f"{name}-{version}-py3-none-any.whl"
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    meta += (
        "".join(f"Requires-Dist: {one}\n" for one in requires) + "\nText: Requires-Dist: nothing\n"
    )
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name}-{version}.dist-info/METADATA", meta)
    return path


def test_the_lock_names_just_the_wheels_that_are_there(tmp_path):
    one = wheel(
        tmp_path, "one_thing", "1.2.3",
        "two==2.0", "three>=3; python_version >= '3.9'", "four>=1; python_version < '3.9'", "five; extra == 'more'",
        "six [with]>=1", "Seven.Eight~=1.0", "nine<2", "ten!=1",
    )  # fmt: skip
    wheel(tmp_path, "two", "2.0")
    (tmp_path / "pyodide.mjs").write_text("")
    lock = json.loads(own_lock({"python": "3.14.2", "version": "314.0.7"}, tmp_path))
    assert lock["info"] == {"python": "3.14.2", "version": "314.0.7"}
    assert list(lock["packages"]) == ["one-thing", "two"]
    package = lock["packages"]["one-thing"]
    assert package["name"] == "one-thing"
    assert package["version"] == "1.2.3"
    assert package["file_name"] == one.name
    assert package["sha256"] == sha256(one.read_bytes()).hexdigest()
    assert package["imports"] == ["one_thing"]
    assert package["depends"][:3] == ["two", "three", "six"]
    assert "four" not in package["depends"]
    assert "five" not in package["depends"]
    assert lock["packages"]["two"]["depends"] == []


def test_the_names_of_what_a_wheel_needs_hold_nothing_but_the_name(tmp_path):
    wheel(
        tmp_path,
        "one",
        "1",
        "nine<2",
        "ten!=1",
        "eleven~=1.1",
        "twelve (>=1)",
        "thirteen[x]>=1",
        "fourteen;x>'1'",
    )
    [package] = json.loads(own_lock({}, tmp_path))["packages"].values()
    assert package["depends"] == ["nine", "ten", "eleven", "twelve", "thirteen", "fourteen"]


def test_the_lock_is_the_same_for_the_same_wheels(tmp_path):
    for name in ("b", "a"):
        wheel(tmp_path, name, "1")
    assert own_lock({"x": "y"}, tmp_path) == own_lock({"x": "y"}, tmp_path)
    assert list(json.loads(own_lock({}, tmp_path))["packages"]) == ["a", "b"]
