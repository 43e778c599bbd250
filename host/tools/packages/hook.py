"""What hatchling calls when it builds the wheel: adds the import package, which is made first."""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BusHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the bus; needs what [build-system] names, and where nothing is downloaded yet, the network."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the import package, and name its folder to hatchling."""
        del version
        sys.path.insert(0, self.root)  # hatchling knows this file alone
        from host.tools.packages.wheel import PACKAGE, stage  # noqa: PLC0415

        build_data["force_include"][str(stage(self.app.display_info))] = PACKAGE
