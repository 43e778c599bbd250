"""`python -m host.tools.types`: rewrites the generated files. `make generate` calls it."""

from host.tools.paths import ROOT
from host.tools.types import documents


def main() -> None:
    """Write each file that differs from the models, and print its name."""
    for path, text in documents().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"generate: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
