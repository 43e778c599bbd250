"""What the early listener does that needs no page (bus/requests.js), in Node."""

import json
from typing import Any

import pytest

from bus.app import MAX_IN_FLIGHT
from bus.errors import CODES
from bus.exchange import MAX_BODY_BYTES
from bus.messages import FROM_BUS, MAX_LOC, SERVED, is_request_type
from host.tools.node import start_node
from host.tools.paths import ROOT
from tests.unit.type_names import TYPES

PRELUDE = f"""
require({json.dumps(str(ROOT / "bus/requests.js"))});
const {{ MAX_WAITING, MAX_BYTES, MAX_DEPTH, MAX_ANSWER, isRequestType, read, queue, ahead }} = ssoRequests;
const fromBus = {json.dumps(sorted(FROM_BUS))};
const types = {json.dumps(SERVED)};
const said = (value) => process.stdout.write(JSON.stringify(value));
"""


def node(script: str, *, before: str = "") -> Any:
    """What `script` says: it runs in Node with the rules at hand."""
    process = start_node("-", cwd=ROOT)
    said, _ = process.communicate(f"{before}{PRELUDE}{script}")
    assert process.returncode == 0
    return json.loads(said)


def test_the_limits() -> None:
    assert node("said({ MAX_WAITING, MAX_BYTES, MAX_DEPTH, MAX_ANSWER })") == {
        "MAX_WAITING": MAX_IN_FLIGHT,
        "MAX_BYTES": 65_536,
        "MAX_DEPTH": 64,
        "MAX_ANSWER": MAX_BODY_BYTES,
    }


def test_it_takes_the_same_types_as_python() -> None:
    taken = node(f"said({json.dumps(TYPES)}.map((type) => isRequestType(type, fromBus)))")
    assert dict(zip(TYPES, taken, strict=True)) == {
        type_: is_request_type(type_) for type_ in TYPES
    }
    assert (
        node("said([null, 1, ['A.B'], {}, undefined].map((type) => isRequestType(type, [])))")
        == [False] * 5
    )


# -- a message --------------------------------------------------------------------------------------

SILENT = ["null", "undefined", "1", "'A.B'", "['A.B']", "new Map()", "Object.create({ type: 'A.B' })", "{}",
          "{ type: 1 }", "{ type: 'BUS.READY' }", "{ type: 'A.B_REJECTED' }", "Object.create(null)"]  # fmt: skip


def test_what_is_no_request() -> None:
    assert node(f"said([{', '.join(SILENT)}].map((data) => read(data, 0, fromBus)))") == [
        None
    ] * len(SILENT)


def test_a_message_becomes_text() -> None:
    message = {"type": "A.B", "id": "\u00fc", "payload": {"a": [1, None, True, {"\U0001f600": ""}]}}
    got = node(f"said(read({json.dumps(message | {'more': 1})}, 1, fromBus))")
    assert json.loads(got["text"]) == message
    assert list(json.loads(got["text"])) == ["type", "id", "payload"]
    assert got["bytes"] == len(got["text"].encode())
    assert (got["type"], got["id"], got["problem"]) == ("A.B", "\u00fc", None)
    assert got["payload"] == message["payload"]


CUT = f"payload.{'k' * (MAX_LOC - len('payload.'))}\u2026"
PROBLEMS = {
    "payload: []": "The payload is not a plain object.",
    "payload: { a: undefined }": "payload.a is of type undefined, which JSON does not have.",
    "payload: { a: 1n }": "payload.a is of type bigint, which JSON does not have.",
    "payload: { a: [1, NaN] }": "payload.a.1 is not a finite number.",
    "payload: { a: '\\ud800' }": "payload.a is not well-formed: it holds a lone surrogate.",
    "payload: { '\\ud800': 1 }": "payload has a key that is not well-formed.",
    "payload: { a: [1, , 3] }": "payload.a is an array with holes or names.",
    "payload: { a: Object.assign([1], { b: 1 }) }": "payload.a is an array with holes or names.",
    "payload: { a: new Date() }": "payload.a is not a plain object, array, string, number, boolean or null.",
    "payload: { [`${'k'.repeat(300)}`]: NaN }": f"{CUT} is not a finite number.",
    "payload: { [`${'k'.repeat(119)}\U0001f600`]: NaN }": f"payload.{'k' * 119}\u2026 is not a finite number.",
    "payload: nested(64)": None,
    "payload: nested(65)": "The payload is nested deeper than 64 levels.",
    "payload: circular": "The payload is nested deeper than 64 levels.",
    "payload: { a: 'x'.repeat(65503) }": None,
    "payload: { a: 'x'.repeat(65504) }": "The message is larger than 65536 bytes of JSON.",
    "payload: { a: '\u20ac'.repeat(30000) }": "The message is larger than 65536 bytes of JSON.",
    "payload: { a: new Array(1e9) }": "The message is larger than 65536 bytes of JSON.",
    "id: '', payload: {}": "The id is not a well-formed string of 1 to 128 characters.",
    "id: 'i'.repeat(128), payload: {}": None,
    "id: 'i'.repeat(129), payload: {}": "The id is not a well-formed string of 1 to 128 characters.",
    "id: '\\udc00', payload: {}": "The id is not a well-formed string of 1 to 128 characters.",
    "id: 1, payload: []": "The id is not a well-formed string of 1 to 128 characters.",
}
MADE = """
const nested = (levels) => (levels > 1 ? { n: nested(levels - 1) } : {});
const circular = {};
circular.n = circular;
"""


@pytest.mark.parametrize(
    "before",
    ["", "delete Object.hasOwn; delete String.prototype.isWellFormed;"],
    ids=["new", "old"],
)
def test_what_is_wrong_with_a_message(before: str) -> None:
    """In a browser of today, and in one from before 2023."""
    messages = ", ".join(f"{{ type: 'A.B', {one} }}" for one in PROBLEMS)
    got = node(f"{MADE} said([{messages}].map((data) => read(data, 0, fromBus)))", before=before)
    assert {one: read["problem"] for one, read in zip(PROBLEMS, got, strict=True)} == PROBLEMS
    for read in got:
        text = json.loads(read["text"])
        assert text.get("problem") == read["problem"]
        assert ("payload" in text) is ("payload" in read) is (read["problem"] is None)


def test_two_ports_are_the_first_problem() -> None:
    got = node("said(read({ type: 'A.B', id: 1, payload: [] }, 2, fromBus))")
    assert got["problem"] == "More than one port came with the message."


# -- what waits for Python --------------------------------------------------------------------------


def queued(script: str) -> Any:
    """What the queue says to what `script` adds, and the numbers of what waits then, in order."""
    return node(f"""
        const waiting = queue(types);
        let count = 0;
        const add = (message) => waiting.add(++count, read({{ type: "AUTH.SSO", payload: {{}}, ...message }}, 0, fromBus), count);
        const fill = (id) => {{ while (count < MAX_WAITING) add({{ id: id ?? `fill-${{count}}` , payload: {{ count }} }}); }};
        const got = [{script}];
        const left = [...waiting].map(([number, text, more]) => [number, JSON.parse(text).type, more]);
        if (left.some(([number, , more]) => number !== more)) throw new Error("not what was kept");
        said([got, left.map(([number]) => number)]);
    """)


def rejected(code: str, message: str, number: int) -> list[dict[str, Any]]:
    return [{"number": number, "error": [code, message]}]


NOT_SERVED = ("UNKNOWN_TYPE", "This bus does not serve messages of this type.")
INVALID = ("INVALID_MESSAGE", "The payload is not a plain object.")
CANCELLED = ("CANCELLED", "The host cancelled the request.")
FULL = ("OVERLOADED", "64 requests wait for Python already.")
AGAIN = "a second delivery"


def test_its_codes_are_the_protocols() -> None:
    assert {code for code, _ in (NOT_SERVED, INVALID, CANCELLED, FULL)} < set(CODES)


def test_they_wait_in_order_and_are_forgotten() -> None:
    assert queued("add({}), add({ type: 'NO.SUCH' }), add({ payload: [] }), add({})") == [
        [[]] * 4,
        [1, 2, 3, 4],
    ]
    assert queued("add({}), add({}), waiting.forget(1)")[1] == [2]
    assert queued("add({}), add({}), waiting.clear() ?? 0")[1] == []


def test_what_is_forgotten_while_they_are_gone_through_is_left_out() -> None:
    assert queued(
        "add({}), add({}), add({}), ...[...function* () { for (const [n] of waiting) { waiting.forget(n + 1); yield n; } }()]"
    ) == [[[], [], [], 1, 3], [1, 3]]


def test_a_second_delivery_gets_silence() -> None:
    again = [{"number": 2, "reason": AGAIN}]
    assert queued("add({ id: '1' }), add({ id: '1' })") == [[[], again], [1]]
    # Something else under that id waits: Python judges.
    assert queued("add({ id: '1' }), add({ id: '1', payload: { a: 1 } })") == [[[], []], [1, 2]]
    # Without an id, or with another one, each is a separate message.
    assert queued("add({}), add({}), add({ id: '1' }), add({ id: '2' })")[1] == [1, 2, 3, 4]
    # What takes no slot holds no id.
    assert queued("add({ id: '1', payload: [] }), add({ id: '1' })") == [[[], []], [1, 2]]
    assert queued("add({ id: '1', type: 'NO.SUCH' }), add({ id: '1' })") == [[[], []], [1, 2]]


def test_at_most_64_wait() -> None:
    got, waiting = queued(
        "fill(), add({ type: 'NO.SUCH', payload: [] }), add({ payload: [] }), add({}), add({ id: 'fill-0', payload: { a: 1 } })"
    )
    assert got[1:] == [
        rejected(*NOT_SERVED, 65),
        rejected(*INVALID, 66),
        rejected(*FULL, 67),
        [{"number": 68, "reason": AGAIN}],  # whatever it says: there is no room to find out
    ]
    assert waiting == list(range(1, 65))
    # Each that goes makes room for one.
    assert queued("fill(), waiting.forget(7), add({}), add({})")[0][2:] == [
        [],
        rejected(*FULL, 66),
    ]


def test_a_cancellation_is_obeyed_and_gets_silence() -> None:
    cancel = "add({ type: 'BUS.CANCEL', payload: { id: '1' } })"
    assert queued(f"add({{ id: '1' }}), {cancel}")[0][1] == [
        *rejected(*CANCELLED, 1),
        {"number": 2},
    ]
    # With it goes what waits under the same id.
    assert queued(f"add({{ id: '1' }}), add({{ id: '1', payload: {{ a: 1 }} }}), {cancel}")[0][
        2
    ] == [
        *rejected(*CANCELLED, 1),
        {"number": 3},
        {"number": 2},
    ]
    # No message waits with that id, or it takes no slot; or this is not a cancellation.
    assert queued(f"add({{ id: '2' }}), {cancel}")[0][1] == [{"number": 2}]
    assert queued(f"add({{ id: '1', payload: [] }}), {cancel}")[0][1] == [{"number": 2}]
    for payload in ("{}", "[]", "{ id: '1', more: 1 }", "{ id: 1 }", "{ ID: '1' }"):
        bad = f"add({{ type: 'BUS.CANCEL', payload: {payload} }})"
        assert queued(f"add({{ id: '1' }}), {bad}") == [[[], [{"number": 2}]], [1]]
    # It takes no slot.
    assert queued(f"fill(), {cancel}")[0][1] == [{"number": 65}]


# -- what is asked before Python is there -------------------------------------------------------------

ASKING = """
const fetched = [];
const answers = {
    good: () => new Response('{"a":1}', { status: 201, headers: { "Retry-After": "7" } }),
    failing: () => new Response("{}", { status: 503 }),
    moved: () => new Response(null, { status: 304 }),
    empty: () => new Response(null, { status: 204 }),
    broken: () => new Response(new ReadableStream({ start: (body) => body.error(new TypeError("gone")) })),
    large: () => new Response(new Uint8Array(MAX_ANSWER + 1)),
    largest: () => new Response(new Uint8Array(MAX_ANSWER)),
};
const fetch = async (url, { signal, ...options }) => {
    fetched.push({ url, options, signal });
    return answers[url](); // if it has none, this throws as fetch does if nobody answers
};
const asked = (...urls) => ahead({ urls, options: { method: "GET", headers: { Accept: "x" } } }, fetch);
const aborted = () => fetched.map(({ url, signal }) => [url, signal.aborted]);
"""


def asking(script: str) -> Any:
    return node(f"{ASKING}(async () => {{ {script} }})();")


def test_each_address_is_asked_once_and_only_when_that_is_begun() -> None:
    assert asking(
        """const it = asked("good", "failing");
        const before = [fetched.length, it.take("good") ?? null];
        it.begin();
        it.begin();
        said([before, fetched.map(({ url, options }) => [url, options])]);"""
    ) == [
        [0, None],
        [[url, {"method": "GET", "headers": {"Accept": "x"}}] for url in ("good", "failing")],
    ]


def test_a_good_answer_is_given_away_once_and_whole() -> None:
    assert asking(
        """const it = asked("good");
        it.begin();
        const { controller, answer } = it.take("good");
        const again = [it.take("good") ?? null, it.take("other") ?? null];
        const { failed, value } = await answer;
        const { status, headers } = value;
        it.end();
        it.begin();
        said([failed, status, headers.get("retry-after"), await value.text(), again, aborted()]);"""
    ) == [False, 201, "7", '{"a":1}', [None, None], [["good", False]]]


def test_an_answer_as_large_as_python_would_read_is_good() -> None:
    assert asking(
        """const it = asked("largest");
        it.begin();
        const { value } = await it.take("largest").answer;
        said((await value.arrayBuffer()).byteLength);"""
    ) == (1024 * 1024)


@pytest.mark.parametrize("url", ["nobody", "failing", "moved", "empty", "broken", "large"])
def test_a_bad_answer_is_of_no_use(url: str) -> None:
    assert asking(
        f"""const it = asked("{url}");
        it.begin();
        said([await it.take("{url}").answer, aborted()]);"""
    ) == [{"failed": True}, [[url, True]]]


def test_what_nobody_has_taken_is_aborted_and_forgotten() -> None:
    assert asking(
        """const it = asked("good", "largest");
        it.begin();
        it.take("good");
        it.end();
        it.end();
        said([aborted(), it.take("largest") ?? null]);"""
    ) == [[["good", False], ["largest", True]], None]
