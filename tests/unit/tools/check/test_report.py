"""The table that people read, and the counts that decide the exit status."""

from host.tools.check.report import Part, counts, summary, table

LONG = "word " * 40 + "https://id.example.com/a-long-address-that-is-to-be-copied-whole"


def test_a_table() -> None:
    part = Part("Keys: https://id.example.com/keys")
    part.add("ok", "answer", "status 200")
    part.add("error", "CORS", "this answer has none", "Send it.")
    assert table([Part("Nothing was looked at"), part], 80) == (
        "Keys: https://id.example.com/keys\n"
        "  ok       answer  status 200\n"
        "  error    CORS    this answer has none\n"
        "                   -> Send it.\n"
    )


def test_lines_are_as_wide_as_the_terminal_and_addresses_stay_whole() -> None:
    part = Part("Host page")
    part.add("warning", "answer", LONG)
    lines = table([part], 90).splitlines()
    assert max(map(len, lines)) <= 90
    assert LONG.rsplit(maxsplit=1)[-1] in lines[-1]
    assert lines == table([part], 90).splitlines()
    assert table([part], 1).splitlines()  # too narrow: wider than asked, but readable


def test_nothing_of_a_server_reaches_the_terminal_as_an_order() -> None:
    part = Part("Keys: \x1b[2J")
    part.add("error", "answer", "names '\x1b]0;owned\x07' and \u202ereversed")
    shown = table([part], 100)
    assert not [c for c in shown if not c.isprintable() and c != "\n"]
    assert "owned" in shown


def test_the_summary_starts_with_the_worst() -> None:
    part = Part("")
    for level in ("ok", "ok", "error", "warning", "warning", "skipped"):
        part.add(level, "x", "x")
    assert summary([part, Part("")]) == "1 error, 2 warnings, 1 skipped, 2 ok"
    assert counts([part])["error"] == 1
