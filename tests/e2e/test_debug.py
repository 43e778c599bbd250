"""A debug build reports its decisions to an allowed host; any other build reports nothing."""

import json
from typing import Any

import pytest

from tests.e2e.support.asking import REDIRECT
from tests.e2e.support.attackers import attacker
from tests.e2e.support.tab import Opener, Tab
from tests.e2e.support.world import World, without_frame_ancestors
from tests.wire import assert_from_bus


def debug_bus(world: World) -> str:
    """Return the address of a debug build, without `frame-ancestors`: its gate stands alone."""
    return world.bus("debug", change=without_frame_ancestors, debug=True)


@pytest.fixture(scope="module")
def raw(open_module_tab: Opener, world: World) -> Tab:
    tab = open_module_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", debug_bus(world))
    return tab


def reports(tab: Tab, script: str, *args: Any) -> list[dict[str, Any]]:
    """What the bus reports while `script` runs and until it has answered a request after it."""
    found: list[dict[str, Any]] = tab.run(
        f"""async (...args) => {{
            heard.length = 0;
            await ({script})(...args);
            // It is answered in order: when its answer is here, so are the reports on what was before.
            const id = crypto.randomUUID();
            rawBus.post({{ type: "NO.SUCH", id, payload: {{}} }});
            await reply(id);
            return heard.map(({{ data }}) => data).filter(({{ type }}) => type === "BUS.DEBUG")
                .map(({{ payload }}) => payload).filter((report) => report.id !== id);
        }}""",
        *args,
    )
    for report in found:
        assert_from_bus(json.dumps({"type": "BUS.DEBUG", "payload": report}))
    return found


def facts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reports without the values that differ from run to run, which must be present."""
    for report in found:
        assert report.pop("at") > 1_700_000_000_000
        report.pop("number", None)
        report.pop("call", None)
    return found


SSO = f'{{ type: "AUTH.SSO", id, payload: {{ code, redirectUrl: "{REDIRECT}" }} }}'


def test_each_step_of_a_sign_in_is_told(raw: Tab, world: World) -> None:
    code = world.backend.answers()
    found = reports(raw, f"(code, id) => rawBus.overPort({SSO})", code, "told")
    text = json.dumps(found)
    assert len({report["number"] for report in found}) == 1
    took = found[2].pop("ms")
    assert took >= 0
    asked = {
        "type": "AUTH.SSO",
        "id": "told",
        "payload": {"code": code, "redirectUrl": REDIRECT},
    }
    assert found[0].pop("bytes") == len(json.dumps(asked, separators=(",", ":")))
    call = {"event": "backend", "method": "POST", "url": world.exchange_url}
    assert facts(found) == [
        {
            "event": "accepted",
            "type": "AUTH.SSO",
            "id": "told",
            "origin": world.host,
            "port": True,
            "state": "serving",
        },
        call,
        call | {"status": 200, "outcome": "answered"},
        {
            "event": "replied",
            "type": "AUTH.SSO_FULFILLED",
            "id": "told",
            "origin": world.host,
            "port": True,
            "source": "backend",
            "status": 200,
        },
    ]
    # They show nothing of the request or the answer.
    answer = raw.run(f"(code, id) => rawBus.overPort({SSO})", world.backend.answers(), "told-again")
    for value in (code, REDIRECT, *answer["payload"]["credentials"].values()):
        assert value not in text
    assert set(answer["payload"]["currentUser"]) & set(text.split('"')) <= {"id"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{ type: "AUTH.SSO", payload: { code: "s3cret" } }', "INVALID_PAYLOAD"),
        ('{ type: "AUTH.SSO", payload: new Date() }', "INVALID_MESSAGE"),
        ('{ type: "BUS.DEBUG", payload: { event: "accepted" } }', "UNKNOWN_TYPE"),
    ],
)
def test_a_refusal_is_told_with_its_code(raw: Tab, message: str, code: str) -> None:
    accepted, replied = reports(raw, f"() => rawBus.post({message})")
    assert (accepted["event"], replied["event"]) == ("accepted", "replied")
    assert (replied["code"], replied["source"], replied["port"]) == (code, "bus", False)
    assert "s3cret" not in json.dumps([accepted, replied])


def test_what_is_no_request_is_told_without_its_data(raw: Tab, world: World) -> None:
    found = reports(raw, "() => rawBus.post({ type: 'auth.sso', payload: { code: 's3cret' } })")
    assert facts(found) == [{"event": "dropped", "reason": "not a request", "origin": world.host}]


def test_a_second_delivery_is_told(raw: Tab, world: World) -> None:
    code = world.backend.answers()
    found = reports(
        raw,
        f"(code, id) => {{ rawBus.post({SSO}); rawBus.post({SSO}); return reply(id); }}",
        code,
        "twice",
    )
    first, second = [report for report in found if report["event"] == "accepted"]
    [dropped] = [report for report in found if report["event"] == "dropped"]
    assert (dropped["reason"], dropped["number"]) == ("a second delivery", second["number"])
    assert {report["number"] for report in found if report["event"] != "dropped"} == {
        first["number"],
        second["number"],
    }


FRAME = """(html) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.srcdoc = html;
    frame.onload = () => { frame.remove(); done(); };
    document.body.append(frame);
})"""


def test_a_flood_by_a_stranger_is_counted_and_does_not_flood_the_host(
    raw: Tab, world: World
) -> None:
    flood = f"""<script>for (let n = 0; n < 500; n++)
        parent.frames[0].postMessage({{ type: "AUTH.SSO", payload: {{ code: "s3cret" }} }}, "{world.bus_origin}")
    </script>"""
    raw.run("() => { heard.length = 0; }")
    raw.run(FRAME, flood)
    counted = raw.run(
        """() => new Promise((done) => {
            const look = () => {
                const told = heard.map(({ data }) => data.payload).filter(({ reason }) => reason?.startsWith("not from"));
                const count = told.reduce((sum, { more }) => sum + (more ?? 1), 0);
                if (count >= 500) done([count, told.length, JSON.stringify(told)]);
            };
            addEventListener("message", look);
            look();
        })"""
    )
    count, told, text = counted
    assert count == 500
    assert told < 100  # 20 a second, and one number for the rest of it
    assert "s3cret" not in text
    # The sender that is let in still gets all reports.
    found = reports(raw, "() => rawBus.post({ type: 'A.B', payload: {} })")
    assert [report["event"] for report in found] == ["accepted", "replied"]


def test_a_stranger_that_embeds_a_debug_build_hears_nothing(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(attacker(world.stranger, "embed", debug_bus(world), code))
    tab.wait_for_line("ignored: origin not allowed")
    assert tab.run("() => heard") == []

    allowed = open_tab().goto(attacker(world.host, "embed", debug_bus(world), code))
    told = allowed.run(
        """() => new Promise((done) => {
            const look = () => { if (heard.some(({ payload }) => payload?.event === "replied")) done(heard.map(({ type }) => type)); };
            addEventListener("message", look);
            look();
        })"""
    )
    assert "BUS.DEBUG" in told


def test_a_build_without_debug_reports_nothing(open_tab: Opener, world: World) -> None:
    code = world.backend.answers()
    tab = open_tab().goto(world.page)
    tab.run("(src) => raw(src).ready", world.bus())
    heard = tab.run(
        f"""async (code, id) => {{
            rawBus.post({{ hello: "bus" }});
            rawBus.post({SSO});
            rawBus.post({SSO});
            rawBus.post({{ type: "AUTH.SSO", id: "bad", payload: {{}} }});
            rawBus.post({{ type: "BUS.DEBUG", id: "debug", payload: {{}} }});
            await Promise.all([reply(id), reply("bad"), reply("debug")]);
            return heard.map(({{ data }}) => data);
        }}""",
        code,
        "plain",
    )
    assert [data["type"] for data in heard if "id" not in data] == ["BUS.LISTENING", "BUS.READY"]
    replies = {data["id"]: data for data in heard if "id" in data}
    assert len(heard) == 5
    assert replies["plain"]["type"] == "AUTH.SSO_FULFILLED"
    assert replies["bad"]["type"] == "AUTH.SSO_REJECTED"
    assert replies["debug"]["type"] == "BUS.DEBUG_REJECTED"
    assert replies["debug"]["payload"]["error"]["code"] == "UNKNOWN_TYPE"
    block = "document.getElementById('bus-settings').textContent"
    assert "debug" not in json.loads(tab.run_in(world.bus(), f"() => {block}"))
