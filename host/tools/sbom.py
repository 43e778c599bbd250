"""The list of parts that the browser runs, as CycloneDX 1.6 (an SBOM), made from the locks.

It depends only on the parts: it has no time, nothing random, and nothing of the settings. MicroPython
is not in it, because only the demo's host page runs that.
"""

import json
from base64 import b64decode
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zipfile import ZipFile

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from bus import VERSION
from host.tools.paths import PACKAGE_LOCK

_LICENSE = LicenseFactory()


def sbom(runtime: Path) -> str:
    """Return the list for the parts in `.runtime/`, as JSON text that ends with a line feed."""
    npm = json.loads(PACKAGE_LOCK.read_text(encoding="utf-8"))["packages"]
    lock = json.loads((runtime / "pyodide/pyodide-lock.json").read_text(encoding="utf-8"))
    wheels = {
        name: _wheel(entry, runtime / "pyodide" / entry["file_name"])
        for name, entry in sorted(lock["packages"].items())
    }
    python = _part("cpython", lock["info"]["python"], "generic", "Python-2.0")
    python.type = ComponentType.PLATFORM
    python.cpe = f"cpe:2.3:a:python:python:{python.version}:*:*:*:*:*:*:*"
    pyodide = _npm("pyodide", npm["node_modules/pyodide"])
    pyscript = _npm("@pyscript/core", npm["node_modules/@pyscript/core"])

    bus = _part("sso-bus", VERSION, "generic", "MIT")
    bus.type = ComponentType.APPLICATION
    bom = Bom(components=[pyodide, python, pyscript, *wheels.values()])
    bom.metadata.component = bus
    bom.register_dependency(bus, [pyscript, pyodide, wheels["pydantic"]])
    bom.register_dependency(pyodide, [python])
    bom.register_dependency(pyscript, [pyodide])
    for name, entry in lock["packages"].items():
        bom.register_dependency(wheels[name], [wheels[other] for other in _known(entry, wheels)])
    return _text(bom)


def _known(entry: dict[str, Any], wheels: dict[str, Component]) -> list[str]:
    names = (name.replace("_", "-") for name in entry["depends"])
    return [name for name in names if name in wheels]


def _part(name: str, version: str, kind: str, license_: str, *hashes: HashType) -> Component:
    """A part with its package URL, which is also its reference; `kind` is that URL's type."""
    group, _, own = name.rpartition("/")
    url = PackageURL(kind, group or None, own, version)
    return Component(
        name=own,
        group=group or None,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(url),
        purl=url,
        licenses=[_LICENSE.make_from_string(license_)],
        hashes=hashes,
    )


def _npm(name: str, entry: dict[str, str]) -> Component:
    """A package of package-lock.json, with the hash of the archive that it comes in."""
    sha512 = b64decode(entry["integrity"].removeprefix("sha512-")).hex()
    hash_ = HashType(alg=HashAlgorithm.SHA_512, content=sha512)
    # Older packages write the names of licences in capitals.
    license_ = {"APACHE-2.0": "Apache-2.0"}.get(entry["license"], entry["license"])
    return _part(name, entry["version"], "npm", license_, hash_)


def _wheel(entry: dict[str, str], path: Path) -> Component:
    hash_ = HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])
    license_ = _metadata(path)["License-Expression"]
    return _part(entry["name"], entry["version"], "pypi", license_, hash_)


def _metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def _text(bom: Bom) -> str:
    # The library adds the current time and a random number. The time is left out, and the number is
    # made from the content.
    content = json.loads(JsonV1Dot6(bom).output_as_string())
    del content["metadata"]["timestamp"], content["serialNumber"]
    own = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return json.dumps(content | {"serialNumber": own.urn}, indent=1, sort_keys=True) + "\n"
