"""The built folder, from a runtime of a few bytes."""

import gzip
import json
import random
import re
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import brotli
import pytest
import zstandard

from bus.settings import Settings
from host.tools import build as command
from host.tools import compress, site, warmup
from host.tools.paths import ROOT

SETTINGS = Settings.model_validate(
    {
        "allowed_origins": ["https://app.example.com"],
        "sso": {"exchange_url": "https://api.example.com/sso"},
    }
)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime that needs no download, and no compressing of megabytes."""
    folder = tmp_path / "runtime"
    for name in (
        "pyscript/core.js",
        "pyscript/core-1.js",
        "pyodide/pyodide.mjs",
        "pyodide/pyodide.asm.mjs",
        "pyodide/pyodide.asm.wasm",
        "snapshot/snapshot.bin",
        "snapshot/library.wasm",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"// {name}\n" * 50)
    (folder / "snapshot/meta.json").write_text('{"modules": []}')
    monkeypatch.setattr(site, "ensure_runtime", lambda _say: folder)
    monkeypatch.setattr(site, "make_snapshot", lambda *_: folder / "snapshot")
    monkeypatch.setattr(site, "sbom", lambda _runtime: "the list of parts" * 50)
    monkeypatch.setattr(compress, "RUNTIME", folder)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "dist"


def build(
    out: Path, settings: Settings = SETTINGS, previous: Sequence[Path] = ()
) -> dict[str, bytes]:
    site.build(settings, out, say=lambda _line: None, previous=previous)
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


def folders(files: dict[str, bytes]) -> list[str]:
    return sorted({name.split("/")[0] for name in files if "/" in name})


def test_the_built_folder(runtime: Path, out: Path) -> None:
    files = build(out)
    bus, pyscript, python = folders(files)
    for folder, name in ((bus, "bus"), (pyscript, "pyscript"), (python, "python")):
        assert re.fullmatch(name + "-[0-9a-f]{16}", folder)
    plain = {name for name in files if not name.endswith((".zst", ".br", ".gz"))}
    assert {
        "_headers",
        "index.html",
        f"{pyscript}/core.js",
        f"{pyscript}/core-1.js",
        f"{python}/pyodide.mjs",
    } <= plain
    assert {
        f"{bus}/{name}"
        for name in ("early.js", "boot.js", "interpreter.mjs", "parts.mjs", "main.py", "bus.zip")
    } <= plain
    headers = files["_headers"].decode()
    assert [f"/{folder}/*" in headers.splitlines() for folder in (bus, pyscript, python)] == [
        True
    ] * 3


def test_all_that_the_page_names_is_there(runtime: Path, out: Path) -> None:
    files = build(out)
    head = files["index.html"].decode().split("<body>")[0]
    named = re.findall(r"\./([\w./-]+)", re.sub(r"<script type=.importmap.*?</script>", "", head))
    # core, interpreter, main.py, early.js, boot.js; the big parts; and what is preloaded
    assert len(named) == 5 + 3 + 7
    assert set(named) <= files.keys()


def test_the_warm_up_names_what_a_boot_reads(runtime: Path, out: Path) -> None:
    """The largest files last, in the order in which a boot needs them."""
    files = build(out)
    page = files["warm.html"].decode()
    [small, large] = re.findall(r'data-(?:small|large)="([^"]*)"', page)
    boot = re.findall(r'data-(?:parts|preload)="([^"]*)"', files["index.html"].decode())
    assert {large} < set(boot)
    [preloaded] = set(boot) - {large}
    more = set(small.split()) - set(preloaded.split())
    assert {name.rsplit("/", 1)[1] for name in more} == {
        "early.js", "boot.js", "session.mjs", "keys.mjs", "main.py",
    }  # fmt: skip
    assert set(preloaded.split()) <= set(small.split())
    assert {name.removeprefix("./") for name in (small + " " + large).split()} <= files.keys()


def test_the_warm_up_has_a_policy_of_its_own_and_one_script_with_its_hash(
    runtime: Path, out: Path
) -> None:
    files = build(out)
    page = files["warm.html"].decode()
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert "wasm-unsafe-eval" not in page
    assert "example.com" not in page  # neither hosts nor backends: it is the same for all settings
    [(address, hash_)] = re.findall(
        r'<script src="\./([^"]+)" integrity="([^"]+)" crossorigin', page
    )
    assert address.endswith("/warm.js")
    assert hash_ == f"sha256-{b64encode(sha256(files[address]).digest()).decode()}"


@pytest.mark.parametrize(
    "text", ["<p>", "<!-- policy: the build puts the content security policy here -->"]
)
def test_a_warm_up_page_that_the_build_does_not_know(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "warm.html").write_text(text)
    monkeypatch.setattr(warmup, "BUS", tmp_path)
    with pytest.raises(ValueError, match="exactly once"):
        warmup.warm_up_page("./x", {"./x": "sha256-x"}, [], [])


def test_the_first_script_is_one_file(runtime: Path, out: Path) -> None:
    """What listens waits for one file only; in the tree it is two."""
    files = build(out)
    [early] = [data for name, data in files.items() if name.endswith("/early.js")]
    assert early.decode() == "".join(
        (ROOT / "bus" / name).read_text("utf-8") for name in ("requests.js", "early.js")
    )
    assert not [name for name in files if "requests.js" in name]
    assert b"requests.js" not in files["index.html"]


def test_the_page_holds_the_hash_of_each_file_with_code(runtime: Path, out: Path) -> None:
    files = build(out)
    page = files["index.html"].decode()
    hashes = json.loads(re.findall(r'<script type="importmap">(.*?)</script>', page)[0])[
        "integrity"
    ]
    code = (".js", ".mjs", ".py", ".json", ".zip", ".whl", "/library.wasm")
    assert hashes == {
        f"./{name}": f"sha256-{b64encode(sha256(data).digest()).decode()}"
        for name, data in files.items()
        if "/" in name and name.endswith(code)
    }
    # Where an element loads one, it names the hash itself.
    loads = re.findall(r'<(script|link)[^>]* (?:src|href)="([^"]+)" integrity="([^"]+)"', page)
    assert [(kind, address.rsplit("/", 1)[1]) for kind, address, _ in loads] == [
        ("script", "early.js"),
        ("script", "boot.js"),
    ]
    assert all(hashes[address] == of for _, address, of in loads)
    # Both policies let the map in, or browsers would ignore it.
    text = re.findall(r'<script type="importmap">(.*?)</script>', page)[0]
    source = f"&#x27;sha256-{b64encode(sha256(text.encode()).digest()).decode()}&#x27;"
    assert source in page
    assert source.replace("&#x27;", "'") in files["_headers"].decode()


def test_what_is_for_servers(runtime: Path, out: Path) -> None:
    files = build(out)
    assert files["sbom.cdx.json"].startswith(b"the list of parts")
    assert {"sbom.cdx.json.gz", "_headers", "nginx.conf"} <= files.keys()
    assert not [name for name in files if name.startswith(("_headers.", "nginx.conf."))]
    for header in ("Content-Security-Policy", "Permissions-Policy"):
        [value] = re.findall(rf"^  {header}: (.*)$", files["_headers"].decode(), re.MULTILINE)
        assert files["nginx.conf"].decode().count(f'add_header {header} "{value}" always;') == 4


def test_no_address_in_the_page_is_absolute(runtime: Path, out: Path) -> None:
    head = build(out)["index.html"].decode().split("<body>")[0]
    addresses = re.findall(r'(?:src|href|data-\w+)="([^"]*)"', head)
    assert addresses
    assert not [address for address in addresses if address.startswith(("/", "http"))]


def test_packed_files_hold_the_same(runtime: Path, out: Path) -> None:
    files = build(out)
    packed = [name for name in files if name.endswith(".br")]
    assert any(name.endswith("core.js.br") for name in packed)
    for name in packed:
        assert brotli.decompress(files[name]) == files[name.removesuffix(".br")]
    assert any(name.endswith("core.js.zst") for name in files)
    for name in (name for name in files if name.endswith(".zst")):
        assert zstandard.decompress(files[name]) == files[name.removesuffix(".zst")]
        # Browsers refuse a larger window (RFC 9659).
        assert zstandard.get_frame_parameters(files[name]).window_size <= 8 * 2**20
    for name in (name for name in files if name.endswith(".gz")):
        assert gzip.decompress(files[name]) == files[name.removesuffix(".gz")]
    assert not [name for name in files if name.startswith("_headers.")]


def test_the_same_sources_build_the_same_folder(runtime: Path, out: Path, tmp_path: Path) -> None:
    first = build(out)
    assert build(tmp_path / "again") == first
    for path in runtime.glob("compressed/*"):
        path.unlink()
    assert build(out) == first


def test_a_change_changes_just_the_names_it_must(runtime: Path, out: Path) -> None:
    before = folders(build(out))
    (runtime / "pyscript/core.js").write_text("changed")
    after = folders(build(out))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


def test_an_older_build_is_replaced_whole(runtime: Path, out: Path) -> None:
    build(out)
    (out / "left-over.js").write_text("x")
    assert "left-over.js" not in build(out)
    assert list(out.parent.glob("dist.*")) == []


# -- what has changed since an earlier release ------------------------------------------------------


def release(
    runtime: Path, out: Path, snapshot: bytes, previous: Sequence[Path] = ()
) -> dict[str, bytes]:
    (runtime / "snapshot/snapshot.bin").write_bytes(snapshot)
    return build(out, previous=previous)


def unpacked(delta: bytes, dictionary: bytes) -> bytes:
    """What a browser makes of it (RFC 9842, section 5)."""
    assert delta[:40] == bytes.fromhex("5e2a4d1820000000") + sha256(dictionary).digest()
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdDecompressor(dict_data=raw).decompress(delta[40:])


def deltas(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.endswith(".dcz")}


def test_the_snapshot_as_what_has_changed(runtime: Path, out: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    snapshots = [random.Random(1).randbytes(10_000)]
    release(runtime, first, snapshots[0])
    for n, folder in enumerate((second, out)):
        snapshots.append(snapshots[n][:5000] + b"changed" + snapshots[n][5000:])
        files = release(runtime, folder, snapshots[-1], [first, second][: n + 1])
    [bus] = [name for name in folders(files) if name.startswith("bus-")]
    names = {f"{bus}/snapshot.bin.{sha256(old).hexdigest()[:16]}.dcz": old for old in snapshots[:2]}
    found = deltas(files)
    assert found.keys() == names.keys()
    for name, old in names.items():
        assert len(found[name]) < 100
        assert unpacked(found[name], old) == snapshots[2]
        assert b64encode(sha256(old).digest()) in files["nginx.conf"]
    assert f"/{bus}/snapshot.bin\n  Use-As-Dictionary: match=" in files["_headers"].decode()
    # The same again, from scratch, and in the place of the last release.
    for path in runtime.glob("compressed/*"):
        path.unlink()
    assert release(runtime, second, snapshots[2], [first, second]) == files


def test_a_release_with_the_same_snapshot_in_another_folder(runtime: Path, out: Path) -> None:
    """It has another address, so a browser asks for it."""
    snapshot = random.Random(1).randbytes(10_000)
    before = release(runtime, out, snapshot)
    (runtime / "pyodide/pyodide.mjs").write_text("changed")
    after = release(runtime, out, snapshot, [out])
    assert folders(before) != folders(after)
    [delta] = deltas(after).values()
    assert unpacked(delta, snapshot) == snapshot
    # In the same folder it has not: the browser has the file.
    assert not deltas(release(runtime, out, snapshot, [out]))


def test_what_is_no_earlier_release_stops_the_build(
    runtime: Path, out: Path, tmp_path: Path
) -> None:
    before = build(out)
    with pytest.raises(FileNotFoundError, match="is not a built bus"):
        build(out, previous=[out, tmp_path])
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == before.keys()


@pytest.mark.parametrize(
    ("old", "new", "window"),
    [(100, 100, 2**10), (2**22, 2**23 + 1, 2**23), (2**23, 10 * 2**20, 10 * 2**20), (2**23, 11 * 2**20, 2**23)],
)  # fmt: skip
def test_the_window_is_one_that_browsers_take(
    old: int, new: int, window: int, tmp_path: Path
) -> None:
    """8 MB, or 1.25 times the dictionary."""
    (tmp_path / "old").write_bytes(bytes(old))
    (tmp_path / "new").write_bytes(bytes(new))
    compress.write_deltas(tmp_path / "new", [tmp_path / "old"])
    [delta] = tmp_path.glob("new.*.dcz")
    found = zstandard.get_frame_parameters(delta.read_bytes()[40:]).window_size
    assert found <= max(2**23, old * 1.25)
    assert found == min(window, new)
    assert unpacked(delta.read_bytes(), bytes(old)) == bytes(new)


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_that_is_new_or_empty_is_fine(runtime: Path, out: Path, exists: bool) -> None:
    if exists:
        out.mkdir()
    assert "index.html" in build(out)


def test_a_folder_deep_down_is_made(runtime: Path, out: Path) -> None:
    assert "index.html" in build(out / "a/b")


def test_a_folder_that_is_no_build_is_left_alone(runtime: Path, out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="nothing was changed"):
        build(out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_folder_of_another_site_is_left_alone(runtime: Path, out: Path) -> None:
    """Other static sites have a `_headers` file too."""
    out.mkdir()
    (out / "_headers").write_text("/*\n  X-Site: mine\n")
    (out / "index.html").write_text("mine")
    with pytest.raises(OSError):  # noqa: PT011 - any will do
        build(out)
    assert (out / "index.html").read_text() == "mine"


def test_a_file_is_left_alone(runtime: Path, out: Path) -> None:
    out.write_text("mine")
    with pytest.raises(OSError):  # noqa: PT011 - any will do
        build(out)
    assert out.read_text() == "mine"


def test_a_build_that_fails_leaves_the_older_one(
    runtime: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build(out)
    monkeypatch.setattr(site, "compress_folder", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(out)
    assert {
        p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()
    } == before


# -- bus.zip --------------------------------------------------------------------------------------


def test_the_archive_holds_the_modules_of_the_bus() -> None:
    with ZipFile(BytesIO(site.bus_zip())) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        for name in names:
            assert archive.read(name) == (ROOT / name).read_bytes()
    on_disk = {path.relative_to(ROOT).as_posix() for path in (ROOT / "bus").rglob("*.py")}
    assert set(names) == on_disk - {"bus/main.py"}
    assert len(names) == len(set(names))


def test_the_archive_is_the_same_at_another_time_and_in_another_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = site.bus_zip()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    modules = site.bus_modules()
    found = [*modules, ROOT / "bus/main.py"]
    monkeypatch.setattr(Path, "rglob", lambda *_: reversed(found))
    assert site.bus_modules() == modules
    assert site.bus_zip() == first


# -- the command ----------------------------------------------------------------------------------


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: Path | str
) -> tuple[int, Any]:
    monkeypatch.setattr(sys, "argv", ["build", *map(str, args)])
    code = command.main()
    return code, capsys.readouterr()


def test_the_command_builds(
    runtime: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = run(monkeypatch, capsys, "--out", out)
    assert code == 0
    assert f"{out} is ready" in output.out
    assert (out / "index.html").exists()


def test_the_command_makes_a_debug_build_only_where_it_is_asked_to(
    runtime: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, output = run(monkeypatch, capsys, "--out", out)
    plain = {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert b'"debug"' not in plain["index.html"]
    assert "not for production" not in output.out
    _, output = run(monkeypatch, capsys, "--out", out, "--debug")
    debug = {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert b'"debug":true' in debug["index.html"]
    assert "not for production" in output.out
    # Nothing differs but the page: not the code, and not the snapshot.
    assert {name for name in plain if plain[name] != debug[name]} == {
        "index.html",
        "index.html.br",
        "index.html.gz",
        "index.html.zst",
    }


def test_the_command_says_what_is_wrong_with_the_settings(
    runtime: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = out.parent / "my.toml"
    config.write_text("[bus]")
    code, output = run(monkeypatch, capsys, "--config", config, "--out", out)
    assert code == 2
    assert output.err.splitlines() == [
        f"{config}: bus.allowed_origins: is missing",
        f"{config}: bus.sso: is missing",
    ]
    assert not out.exists()


def test_the_command_takes_earlier_releases(
    runtime: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, "--out", out)[0] == 0
    (runtime / "snapshot/snapshot.bin").write_text("another" * 50)
    nowhere = out.with_name("nowhere")
    code, output = run(monkeypatch, capsys, "--out", out, "--previous", nowhere)
    assert (code, len(output.err.splitlines())) == (2, 1)
    assert f"{nowhere} is not a built bus" in output.err
    assert run(monkeypatch, capsys, "--out", out, "--previous", out)[0] == 0
    assert len(list(out.glob("bus-*/snapshot.bin.*.dcz"))) == 1


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_the_command_refuses_to_overwrite_in_a_line(
    runtime: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    if kind == "folder":
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    else:
        out.write_text("mine")
    code, output = run(monkeypatch, capsys, "--out", out)
    assert code == 2
    assert len(output.err.splitlines()) == 1
    assert str(out) in output.err
