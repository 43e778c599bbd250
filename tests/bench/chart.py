"""Draws how long it takes to be ready, as an SVG."""

from html import escape

COLOURS = {"bus": "#1a7f5a", "stock": "#8a8f98", "floor": "#c9ccd1"}
ENGINES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKit"}
NAMES = {"bus": "this bus", "stock": "stock PyScript", "floor": "fetch and compile alone"}
LEFT, WIDTH, BAR, GAP = 210, 720, 16, 26


def draw(medians: dict[str, float]) -> str:
    """Return a bar chart of the medians named "engine temper variant", in milliseconds.

    Other medians, as of a sign-in, are left out.
    """
    groups: dict[str, dict[str, float]] = {}
    for name, value in medians.items():
        engine, _, rest = name.partition(" ")
        temper, _, variant = rest.partition(" ")
        if engine in ENGINES and variant in COLOURS:
            groups.setdefault(f"{ENGINES[engine]}, {temper}", {})[variant] = value
    most = max(value for group in groups.values() for value in group.values())
    scale = (WIDTH - LEFT - 80) / most
    parts: list[str] = []
    y = 56
    for group, values in groups.items():
        parts.append(text(LEFT - 12, y + BAR * len(values) / 2 + 5, group, "end", bold=True))
        for variant, value in values.items():
            width = max(value * scale, 1)
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="{BAR - 3}" rx="2" fill="{COLOURS[variant]}"/>'
            )
            parts.append(text(LEFT + width + 6, y + BAR - 5, f"{value / 1000:.2f} s"))
            y += BAR
        y += GAP
    legend, x = "", LEFT
    for variant, name in NAMES.items():
        legend += (
            f'<rect x="{x}" y="24" width="12" height="12" rx="2" fill="{COLOURS[variant]}"/>'
            + text(x + 18, 35, name)
        )
        x += 40 + 7 * len(name)
    title = "Time until the bus is ready (median; shorter is better)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="#fff"/>{text(12, 16, title, bold=True)}{legend}{"".join(parts)}</svg>\n'
    )


def text(x: float, y: float, words: str, anchor: str = "start", *, bold: bool = False) -> str:
    """One line of text."""
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{weight} fill="#1d2330">{escape(words)}</text>'
