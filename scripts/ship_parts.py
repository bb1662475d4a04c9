"""Copy the pretrained parts that ``amalia run recipes/mini/parts.yaml`` made into the package.

Shipped are the tower, the language model and the tokenizer with manifests and logs, and of the data they
were made from only the manifests, so that lineage reaches the packages behind it.

    python scripts/ship_parts.py runs/parts
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from amalia import lineage
from amalia import manifest as manifests
from amalia.store import check

WHOLE = ("tokenizer", "instructed", "tower")
MAX_BYTES = 25_000_000


def main() -> None:
    """Copy, and say what was copied."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "made", type=Path, help="Folder of the finished run, for example runs/parts."
    )
    made = parser.parse_args().made
    target = lineage.packaged("")
    shutil.rmtree(target, ignore_errors=True)
    for name in WHOLE:
        differing = check(made / name)
        if differing:
            raise SystemExit(f"{made / name} differs from its manifest in {', '.join(differing)}")
        shutil.copytree(made / name, target / name)
    for name in sorted(_behind(made, WHOLE) - set(WHOLE)):
        (target / name).mkdir(exist_ok=True)
        shutil.copy2(made / name / manifests.FILE_NAME, target / name / manifests.FILE_NAME)
    total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if total > MAX_BYTES:
        raise SystemExit(
            f"the parts take {total / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB may ship"
        )
    lines = [
        *lineage.tree(target / "tower"),
        *lineage.tree(target / "instructed"),
        f"{total / 1e6:.1f} MB",
    ]
    print("\n".join(lines))  # noqa: T201 - a script talks to its user


def _behind(made: Path, names: Iterable[str]) -> set[str]:
    """Name every artifact that went into some, however far back."""
    inputs = {
        item.name
        for name in names
        for item in manifests.read(made / name).inputs
        if not item.path.startswith(manifests.PACKAGED)
    }
    return inputs | _behind(made, inputs) if inputs else set()


if __name__ == "__main__":
    main()
