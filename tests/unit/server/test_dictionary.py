"""What a browser says of the dictionary that it has (RFC 9842)."""

from hashlib import sha256
from pathlib import Path

import pytest

from host.server import dictionary

DIGEST = sha256(b"an older snapshot").digest()


def test_a_hash_as_browsers_send_it() -> None:
    assert dictionary.held(dictionary.available(DIGEST)) == DIGEST
    # The example of RFC 9842, section 2.2.
    found = dictionary.held(":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:")
    assert found is not None
    assert dictionary.delta_ending(found) == ".a591a6d40bf42040.dcz"


@pytest.mark.parametrize(
    "header",
    ["", ":", "::", ":=:", ":YWJj:", "x", DIGEST.hex(), dictionary.available(DIGEST)[1:],
     dictionary.available(DIGEST)[:-1], dictionary.available(DIGEST) + ", :YWJj:", ":" + "/.." * 14 + "/=:"],
)  # fmt: skip
def test_what_is_no_hash(header: str) -> None:
    assert dictionary.held(header) is None


def test_only_what_the_build_has_written_counts(tmp_path: Path) -> None:
    for name in ("snapshot.bin", "snapshot.bin.br", "early.js.0123456789abcdef.dcz", "early.js"):
        (tmp_path / name).touch()
    assert not dictionary.has_deltas(tmp_path / "snapshot.bin")
    assert not dictionary.has_deltas(tmp_path / "early.js")
    (tmp_path / f"snapshot.bin{dictionary.delta_ending(DIGEST)}").touch()
    assert dictionary.has_deltas(tmp_path / "snapshot.bin")
