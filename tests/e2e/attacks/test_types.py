"""Every type that structured cloning supports, as a message, as a payload, and inside one: none is JSON."""

from typing import Any

import pytest

from tests.e2e.support.asking import ask_raw
from tests.e2e.support.backend import SIGNED_IN
from tests.e2e.support.tab import Tab
from tests.e2e.support.world import World

TYPES = {
    "undefined": "undefined",
    "a BigInt": "2n ** 64n",
    "a boxed boolean": "new Boolean(true)",
    "a boxed number": "new Number(1)",
    "a boxed string": "new String('AUTH.SSO')",
    "a boxed BigInt": "Object(1n)",
    "a Date": "new Date(0)",
    "a RegExp": "/AUTH.SSO/g",
    "a Map": "new Map([['type', 'AUTH.SSO'], ['payload', {}]])",
    "a Set": "new Set(['AUTH.SSO'])",
    "an Error": "new Error('AUTH.SSO')",
    "a TypeError with a cause": "new TypeError('x', { cause: { type: 'AUTH.SSO' } })",
    "a DOMException": "new DOMException('x', 'DataError')",
    "an ArrayBuffer": "new ArrayBuffer(8)",
    "an ArrayBuffer that grows": "new ArrayBuffer(8, { maxByteLength: 16 })",
    "a DataView": "new DataView(new ArrayBuffer(8))",
    "bytes": "new Uint8Array(8)",
    "clamped bytes": "new Uint8ClampedArray(8)",
    "floats": "new Float64Array(8)",
    "BigInts": "new BigInt64Array(8)",
    "a Blob": "new Blob(['{}'], { type: 'application/json' })",
    "a File": "new File(['{}'], 'code.json')",
    "a list of files": "Object.assign(document.createElement('input'), { type: 'file' }).files",
    "an ImageData": "new ImageData(1, 1)",
    "an ImageBitmap": "await createImageBitmap(new ImageData(1, 1))",
    "a point": "new DOMPoint(1, 2)",
    "a rectangle": "new DOMRect(1, 2, 3, 4)",
    "a quadrilateral": "new DOMQuad()",
    "a matrix": "new DOMMatrix()",
    "a key": "await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt'])",
    "a certificate": "await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' })",
    "a file handle": "await navigator.storage.getDirectory()",
    "a module of WebAssembly": "new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))",
    "shared memory": "new SharedArrayBuffer(8)",
    "a stream": "move(new ReadableStream())",
    "a sink": "move(new WritableStream())",
    "a transform": "move(new TransformStream())",
    "a canvas": "move(new OffscreenCanvas(1, 1))",
    "a transferred buffer": "move(new ArrayBuffer(8))",
    "a function": "() => 1",
    "a symbol": "Symbol('x')",
    "an element": "document.body",
    "a window": "window",
    "a promise": "Promise.resolve({})",
    "a WeakMap": "new WeakMap()",
    "a proxy": "new Proxy({}, {})",
}

NEVER_LEAVES = [
    "a function",
    "a symbol",
    "an element",
    "a window",
    "a promise",
    "a WeakMap",
    "a proxy",
]
"""What no engine clones: the sender's own postMessage throws."""

# The fate of a value: "missing" (the engine, or a page like this, has no such type), "not
# cloned" (the sender's postMessage throws), "unreadable" (the bus's window gets messageerror and is
# silent); else "refused", with INVALID_MESSAGE.
DIFFERENT: dict[str, dict[str, str]] = {
    "chromium": {
        "a file handle": "unreadable",
        "a module of WebAssembly": "unreadable",
        "shared memory": "missing",
    },
    "firefox": {
        "an ImageBitmap": "unreadable",
        "a file handle": "unreadable",
        "a module of WebAssembly": "unreadable",
        "shared memory": "missing",
        "a canvas": "unreadable",
    },
    "webkit": {
        "a certificate": "missing",
        "a file handle": "missing",
        "shared memory": "missing",
        "a stream": "not cloned",
        "a sink": "not cloned",
        "a transform": "not cloned",
    },
}


@pytest.fixture(scope="module")
def raw(raw: Tab, world: World) -> Tab:
    raw.run_in(
        world.bus(),
        """() => {
            window.unreadable = 0;
            addEventListener("messageerror", () => unreadable++);
        }""",
    )
    return raw


POST = """async () => {
    heard.length = 0;
    let transfer = [];
    const move = (value) => { transfer = [value]; return value; };
    const make = async () => [%s]; // in a list, where a promise stays one
    try { await make(); } catch { return "missing"; }
    const post = async (wrap) => {
        const [made] = await make();
        const value = wrap(made);
        try { rawBus.post(value, transfer); } catch (error) { return error.name; }
        return "posted";
    };
    const redirectUrl = "https://app.example.com/";
    const ends = [
        await post((value) => value),
        await post((payload) => ({ type: "AUTH.SSO", id: "payload", payload })),
        await post((code) => ({ type: "AUTH.SSO", id: "inside", payload: { code, redirectUrl } })),
        await post((deep) => ({ type: "AUTH.SSO", id: "deep", payload: { code: [{ deep }], redirectUrl } })),
    ];
    rawBus.post({ type: "AUTH.SSO", id: "end", payload: {} });
    await reply("end");
    return [ends, heard.map(({ data }) => [data.id, data.payload.error.code])];
}"""


def what_became_of_it(got: Any, unreadable: int) -> str:
    """Return the fate of a value if it was the same in all four places, or else all that was seen."""
    end = ["end", "INVALID_PAYLOAD"]
    refused = [[where, "INVALID_MESSAGE"] for where in ("payload", "inside", "deep")]
    words = {
        "not cloned": ([["DataCloneError"] * 4, [end]], 0),
        "unreadable": ([["posted"] * 4, [end]], 4),
        "refused": ([["posted"] * 4, [*refused, end]], 0),
    }
    seen = (got, unreadable)
    return next(
        (word for word, what in words.items() if what == seen), str(seen if unreadable else got)
    )


@pytest.mark.parametrize("name", TYPES)
def test_every_type_that_structured_cloning_knows(
    raw: Tab, world: World, engine: str, name: str
) -> None:
    before = len(world.backend.seen)
    unreadable = raw.run_in(world.bus(), "() => unreadable")
    got = raw.run(POST % TYPES[name])
    unreadable = raw.run_in(world.bus(), "() => unreadable") - unreadable
    expected = "not cloned" if name in NEVER_LEAVES else DIFFERENT[engine].get(name, "refused")
    assert what_became_of_it(got, unreadable) == expected
    assert len(world.backend.seen) == before
    assert ask_raw(raw, world.backend.answers())["payload"] == SIGNED_IN
