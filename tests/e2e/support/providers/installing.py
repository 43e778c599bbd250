"""Installs the chosen OpenID Connect providers, with progress: not inside the first test.

`python -m tests.e2e.support.providers.installing` ends with 2 where one cannot be had.
"""

import subprocess
import sys
from collections.abc import Callable

from tests.e2e.support.providers.chosen import chosen_providers
from tests.e2e.support.providers.django import installed_python
from tests.e2e.support.providers.lemonldap import installed_root

INSTALLERS: dict[str, Callable[[Callable[[str], None]], object]] = {
    "django-oauth-toolkit": installed_python,
    "lemonldap-ng": installed_root,
}


def say(line: str) -> None:
    print(f"providers: {line}", flush=True)


def main() -> int:
    try:
        names = chosen_providers()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for name in names:
        try:
            if name in INSTALLERS:
                INSTALLERS[name](say)
        except (subprocess.CalledProcessError, OSError) as error:
            others = " ".join(each for each in names if each != name)
            print(
                f"providers: {name} could not be installed ({error}). The reason is above. To test "
                f'without it: make e2e PROVIDERS="{others or "authlib"}"',
                file=sys.stderr,
            )
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
