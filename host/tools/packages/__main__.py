"""`python -m host.tools.packages --out dist-packages`: makes both packages. `make package` calls it."""

import argparse
import subprocess
import sys
from pathlib import Path

from host.tools.packages.npm import pack_client
from host.tools.packages.wheel import build_wheel


def main() -> int:
    """Make the packages, and say where they are. Returns 2 if one cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m host.tools.packages", description="Makes packages."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("dist-packages"), help="the folder to write into"
    )
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    try:
        made = [pack_client(out), build_wheel(out)]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 2
    for path in made:
        print(f"package: {path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
