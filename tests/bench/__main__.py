"""`make bench`: measures what issue and README claim, as ratios within one run.

Each row is the median of repeated runs, taken in turns so that a busy moment hits all alike. Prints
a table, writes docs/bench.json and draws docs/bench.svg.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright
from starlette.responses import FileResponse
from starlette.routing import Route

from host.build.runtime import ROOT
from tests.bench.chart import draw
from tests.bench.pages import make_floor, make_penpal, make_stock
from tests.e2e.browsers import profile
from tests.e2e.world import EXTRA_ROUTES, World

VARIANTS = ("bus", "stock", "floor")


@dataclass(frozen=True)
class Row:
    """One measured claim."""

    what: str
    value: float
    unit: str
    against: str
    goal: float

    @property
    def met(self) -> bool:
        return self.value <= self.goal


class Bench:
    def __init__(self, world: World, playwright: Playwright, runs: int) -> None:
        self.world = world
        self.playwright = playwright
        self.runs = runs
        self.rows: list[Row] = []
        self.medians: dict[str, float] = {}
        self.sources = {
            "bus": world.bus(),
            "stock": world.bus("stock", change=make_stock),
            "floor": world.bus("floor", change=make_floor),
            "penpal": world.bus("penpal", change=make_penpal),
        }

    def row(self, what: str, value: float, against: str, goal: float, unit: str = "x") -> None:
        self.rows.append(Row(what, round(value, 3), unit, against, goal))
        print(f"{what}: {value:.3g} {unit} ({against}; goal {goal:g})", flush=True)

    # -- boot ------------------------------------------------------------------------------------

    def boot(self, engine: str) -> None:
        warm: dict[str, list[dict[str, float]]] = defaultdict(list)
        cold: dict[str, list[dict[str, float]]] = defaultdict(list)
        watched: list[dict[str, float]] = []
        idle: list[float] = []
        for _ in range(self.runs):
            for variant in VARIANTS:
                with self.profile(engine) as context:
                    cold[variant].append(self.once(context, variant))
        with self.profile(engine) as context:
            for variant in VARIANTS * 3:  # browsers keep compiled code only of what they see again
                self.once(context, variant)
            for _ in range(self.runs):
                for variant in VARIANTS:
                    warm[variant].append(self.once(context, variant))
                page = self.page(context)
                idle.append(page.evaluate("idle(1000)"))
                page.close()
        for _ in range(self.runs):
            with self.profile(engine) as context:
                watched.append(self.once(context, "bus", watch=True))

        def median(of: list[dict[str, float]], key: str) -> float:
            return statistics.median(one[key] for one in of)

        for temper, of in (("warm", warm), ("cold", cold)):
            for variant in VARIANTS:
                self.medians[f"{engine} {temper} {variant}"] = round(median(of[variant], "ready"))
        goal = 0.2 if engine == "chromium" else 0.25
        for temper, of, most in (("warm", warm, goal), ("cold", cold, 0.25)):
            ratio = median(of["bus"], "ready") / median(of["stock"], "ready")
            self.row(f"READY, {temper}, {engine}", ratio, "of stock PyScript's time", most)
        if engine == "chromium":
            ratio = median(warm["bus"], "ready") / median(warm["floor"], "ready")
            self.row("READY, warm, chromium", ratio, "of fetching and compiling alone", 1.5)
        listening = median(cold["bus"], "listening")
        self.row(f"LISTENING, cold, {engine}", listening, "from navigation", 150, "ms")
        longer = median(watched, "gap") - statistics.median(idle)
        self.row(f"longest gap in the host, {engine}", longer, "longer than alone", 50, "ms")

    def once(
        self, context: BrowserContext, variant: str, *, watch: bool = False
    ) -> dict[str, float]:
        page = self.page(context)
        got: dict[str, float] = page.evaluate(
            "([src, watch]) => boot(src, watch)", [self.sources[variant], watch]
        )
        page.close()
        return got

    # -- transfer --------------------------------------------------------------------------------

    def transfer(self) -> None:
        sent: dict[str, int] = {}
        for variant in ("bus", "stock"):
            with self.profile("chromium") as context:
                before = dict(self.world.buses.sent)
                self.once(context, variant)
                after = self.world.buses.sent
                sent[variant] = sum(after.values()) - sum(before.values())
        self.medians |= {f"bytes {variant}": size for variant, size in sent.items()}
        self.row("bytes over the wire", sent["bus"] / sent["stock"], "of stock PyScript's", 1.1)

    # -- requests --------------------------------------------------------------------------------

    def requests(self, count: int = 1000) -> None:
        got: dict[str, list[dict[str, float]]] = defaultdict(list)
        with self.profile("chromium") as context:
            page = self.page(context)
            page.evaluate("(src) => embed({ src }).ready", self.sources["bus"])
            for _ in range(3):
                got["bus"].append(page.evaluate("(count) => refusals(count)", count))
                got["penpal"].append(
                    page.evaluate(
                        "([src, count]) => penpal(src, count)", [self.sources["penpal"], count]
                    )
                )
        for name in ("p50", "p99"):
            mine, theirs = (
                statistics.median(one[name] for one in got[of]) for of in ("bus", "penpal")
            )
            self.medians |= {f"{name} bus": round(mine, 3), f"{name} penpal": round(theirs, 3)}
            self.row(f"a refused request, {name}", mine / theirs, "of Penpal's round trip", 3)

    def memory(self, few: int = 100, many: int = 2000) -> None:
        with self.profile("chromium") as context:
            page = self.page(context)
            page.evaluate("(src) => embed({ src }).ready", self.sources["bus"])
            self.exchanges(page, few)
            before = self.state(context, page)
            self.exchanges(page, many - few)
            after = self.state(context, page)
        for name in ("wasm memory, bytes", "live proxies", "tasks"):
            self.row(
                f"{name} after {many} exchanges",
                after[name] - before[name],
                f"more than after {few}",
                0,
                "",
            )
        growth = after["heap"] / before["heap"] - 1
        self.row(f"JavaScript heap after {many}", 100 * growth, f"more than after {few}", 5, "%")

    def exchanges(self, page: Page, count: int) -> None:
        codes = [self.world.backend.answers() for _ in range(count)]
        ends = page.evaluate(
            """async (codes) => {
                let good = 0;
                for (let n = 0; n < codes.length; n += 20) {
                    const some = codes.slice(n, n + 20).map((code) => ask({ code, redirectUrl: "https://app.example.com/" }));
                    good += (await Promise.all(some)).filter(({ fulfilled }) => fulfilled).length;
                }
                return good;
            }""",
            codes,
        )
        assert ends == count, f"{count - ends} exchanges failed"

    def state(self, context: BrowserContext, page: Page) -> dict[str, float]:
        source = self.sources["bus"]
        frame = next(frame for frame in page.frames if frame.url.startswith(source))
        (core,) = self.world.buses.folders["bus"].glob("pyscript-*/core.js")
        got: dict[str, float] = frame.evaluate(
            """async (core) => {
                const { whenDefined } = await import(core);
                const { interpreter } = await whenDefined("py");
                const [proxies, tasks] = JSON.parse(interpreter.runPython(`
import asyncio, gc, json
from pyodide.ffi import JsProxy
gc.collect()
json.dumps([sum(isinstance(o, JsProxy) for o in gc.get_objects()), len(asyncio.all_tasks())])`));
                return { "wasm memory, bytes": interpreter._module.HEAPU8.length, "live proxies": proxies, tasks };
            }""",
            f"{source}{core.parent.name}/core.js",
        )
        session = context.new_cdp_session(frame)
        session.send("HeapProfiler.enable")
        session.send("HeapProfiler.collectGarbage")
        session.send("HeapProfiler.collectGarbage")
        return got | {"heap": session.send("Runtime.getHeapUsage")["usedSize"]}

    # -- browsers --------------------------------------------------------------------------------

    @contextmanager
    def profile(self, engine: str) -> Iterator[BrowserContext]:
        """A browser with a new profile on disk, as a person has one: it keeps compiled code."""
        with (
            tempfile.TemporaryDirectory() as folder,
            profile(self.playwright, engine, folder) as context,
        ):
            yield context

    def page(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.goto(self.world.page)
        page.evaluate("import('/measure.js')")
        # What the page before left to do (its process ends, its code is kept) is not this one's.
        page.wait_for_timeout(500)
        return page


def _serve(url: str, path: Path) -> Route:
    async def answer(_: Any) -> FileResponse:
        return FileResponse(path, media_type="text/javascript")

    return Route(url, answer)


def _machine() -> dict[str, str | int | None]:
    model = (
        next(
            (
                line.split(":")[1].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")
            ),
            platform.processor(),
        )
        if Path("/proc/cpuinfo").exists()
        else platform.processor()
    )
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(terse=True)}


def _table(result: dict[str, Any]) -> str:
    machine = result["machine"]
    lines = ["| what | measured | | goal | |", "|---|---|---|---|---|"]
    for row in result["rows"]:
        met = "met" if row["met"] else "**not met**"
        lines.append(
            f"| {row['what']} | {row['value']:.3g} {row['unit']} | {row['against']} | {row['goal']:g} | {met} |"
        )
    where = f"Measured on {machine['cpu']}, {machine['cores']} cores, {machine['system']}."
    return "\n".join([*lines, "", where, ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--runs", type=int, default=7, help="runs of each boot (default: 7)")
    parser.add_argument(
        "--engine", action="append", choices=("chromium", "firefox"), help="default: both"
    )
    args = parser.parse_args()
    EXTRA_ROUTES.append(_serve("/measure.js", ROOT / "tests/bench/measure.js"))
    EXTRA_ROUTES.append(_serve("/penpal.mjs", ROOT / "node_modules/penpal/dist/penpal.mjs"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        world = World(Path(folder))
        bench = Bench(world, playwright, args.runs)
        parts: list[Callable[[], None]] = [
            *(
                lambda engine=engine: bench.boot(engine)
                for engine in args.engine or ("chromium", "firefox")
            ),
            bench.transfer,
            bench.requests,
            bench.memory,
        ]
        try:
            for part in parts:
                part()
        finally:
            world.stop()
    result = {
        "machine": _machine(),
        "rows": [asdict(row) | {"met": row.met} for row in bench.rows],
        "medians": bench.medians,
    }
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    (docs / "bench.svg").write_text(draw(bench.medians))
    table = _table(result)
    print(f"\n{table}")
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- bench -->")
    _, after = rest.split("<!-- /bench -->")
    readme.write_text(f"{before}<!-- bench -->\n{table}<!-- /bench -->{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
