"""The bench's chart: it shows how long boots take, and no other medians."""

from tests.bench.chart import draw

BOOTS = {"chromium warm bus": 400.0, "chromium warm stock": 3000.0, "webkit cold bus": 900.0}


def test_each_boot_has_a_bar_with_its_seconds() -> None:
    chart = draw(BOOTS)
    for words in ("Chromium, warm", "WebKit, cold", "0.40 s", "3.00 s", "0.90 s"):
        assert f">{words}<" in chart


def test_other_medians_are_left_out() -> None:
    others = {"sign-in warm bus": 700.0, "bytes bus": 8e6, "p50 bus": 1.0}
    assert draw(BOOTS | others) == draw(BOOTS)
