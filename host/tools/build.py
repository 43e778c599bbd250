"""`python -m host.tools.build --config my.toml --out dist`: builds a bus. `make build` calls it."""

import argparse
import subprocess
import sys
from pathlib import Path
from time import monotonic

from host.server.config import ConfigError, load_settings
from host.tools.paths import ROOT
from host.tools.site import build


def main() -> int:
    """Build, and print a summary of one or two lines. Returns 2 for invalid settings."""
    parser = argparse.ArgumentParser(prog="python -m host.tools.build", description="Builds a bus.")
    parser.add_argument(
        "--config", type=Path, default=ROOT / "pyscript.toml", help="a TOML file with a [bus] table"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("dist"), help="the folder to write (default: dist)"
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        help="a bus that tells its host what it decides, for development: not for production",
    )
    parser.add_argument(
        "--previous",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="an earlier release, whose users download only what has changed (may be repeated)",
    )
    args = parser.parse_args()
    started = monotonic()
    try:
        settings = load_settings(args.config)
        build(
            settings,
            args.out,
            say=lambda line: print(f"build: {line}", flush=True),
            debug=args.debug,
            previous=args.previous,
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (FileExistsError, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 2
    size = sum(p.stat().st_size for p in args.out.rglob("*.br")) / 1e6
    print(
        f"build: {args.out} is ready after {monotonic() - started:.1f} s ({size:.1f} MB compressed)"
    )
    if args.debug:
        print("build: this one tells its hosts what it decides: not for production")
    return 0


if __name__ == "__main__":
    sys.exit(main())
