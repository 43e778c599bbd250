"""Called by hatchling when it builds the wheel: makes the import package and adds it."""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BusHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the bus. It needs what [build-system] names, and the network if nothing is downloaded yet."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the import package, and name its folder to hatchling."""
        del version
        sys.path.insert(0, self.root)  # hatchling knows this file alone
        from host.tools.packages.wheel import PACKAGE, stage  # noqa: PLC0415

        build_data["force_include"][str(stage(self.app.display_info))] = PACKAGE
