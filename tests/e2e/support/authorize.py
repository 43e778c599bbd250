"""An authorization endpoint that answers as the test planned, in the address that it was asked by."""

import json
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route


class Authorize:
    """Sends the browser back with a plan's fields and the `state` that it came with."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        """The query of each request, the plan left out."""
        self.raw: list[str] = []
        """The query of each request, as it was written."""
        self.origin = ""
        self.app = Starlette(
            routes=[Route("/authorize", self._authorize), Route("/leads", self._lead)]
        )

    def url(self, **plan: str) -> str:
        """Return the endpoint's address. `stay="1"` shows a page instead of going back; a field that
        is empty is left out of the answer."""
        return f"{self.origin}/authorize?{urlencode({'plan': json.dumps(plan)})}"

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        plan = json.loads(query.pop("plan"))
        self.seen.append(query)
        self.raw.append(request.url.query)
        if "stay" in plan:
            return HTMLResponse(
                "<!doctype html><head><title>Sign in</title>"
                "<script>console.log('at the provider')</script>"
            )
        answer = {"state": query["state"]} | plan
        joint = "&" if "?" in query["redirect_uri"] else "?"
        if query.get("response_mode") == "fragment":
            joint = "#"
        fields = urlencode({name: value for name, value in answer.items() if value})
        return RedirectResponse(query["redirect_uri"] + joint + fields, 302)

    async def _lead(self, request: Request) -> Response:
        return RedirectResponse(request.query_params["to"], 302)
