"""Makes `errors.html` of a built bus from docs/errors.md: the page that `BusError.help` leads to."""

import re
from html import escape
from pathlib import PurePosixPath
from typing import Final

from markdown_it import MarkdownIt

from host.tools.packages.project import PROJECT
from host.tools.paths import ROOT

NAME: Final = "errors.html"
_PAGE: Final = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>{title}</title>
  </head>
  <body>
    <main>
{body}    </main>
  </body>
</html>
"""
_HEADING: Final = re.compile(r"<h2>([A-Z_]+)</h2>")
_LINK: Final = re.compile(r'<a href="(?!https:|#)([^"]+)">(.*?)</a>', re.DOTALL)


def guide_page() -> str:
    """Return docs/errors.md as an HTML page, with an anchor for each code.

    It has no script and no style, so the bus's policy allows all of it. A built folder does not have the
    other documents: links to them lead to the project's documentation if `[project.urls]` names it, and
    otherwise become text.
    """
    documentation = PROJECT.get("urls", {}).get("Documentation", "")
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    title = escape(text.partition("\n")[0].removeprefix("# "))
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    body = _HEADING.sub(lambda match: f'<h2 id="{match[1].lower()}">{match[1]}</h2>', body)
    body = _LINK.sub(lambda match: _elsewhere(match[1], match[2], documentation), body)
    return _PAGE.format(title=title, body=body)


def _elsewhere(link: str, words: str, documentation: str) -> str:
    if documentation:
        return f'<a href="{escape(documentation.rstrip("/"))}/{link}">{words}</a>'
    name = PurePosixPath(link.partition("#")[0]).name
    return words if name in words else f"{words} ({name} in the project's documentation)"
