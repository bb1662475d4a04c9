"""Tiles beside transformers' LLaVA-NeXT processor: how fast, and whether they are the same.

    python benchmarks/tiling.py --json            # speed, on one thread, the two sides in turns
    python benchmarks/tiling.py --table           # the conformance table of docs/tiling.md
    python benchmarks/tiling.py --differences [FOLDER]  # what the quick way changes, on photographs of your own

Speed is from the bytes of a file to what the model takes (float32 pixels in [-1, 1] as a tensor), on the grid of
the 9-billion model: tiles of 384 px, up to twelve. ``peer`` is Pillow and ``LlavaNextImageProcessor``. Prints
``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on stdout, in pictures a second of processor
time, the best of all repeats, and exits 1 when a wanted ratio is missed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import itertools
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from amalia.model.tile import TileGrid

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LARGEST_PX = 4000
_SAMPLE = 24  # pictures of each class of sizes that are compared pixel by pixel
_QUICK, _EXACT = 3.0, 1.5  # ratios wanted
_MARGINS = (1.25, 1.5, 2.0, 3.0)


def main() -> None:
    """Measure speed, or write one of the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--repeat", type=int, default=9, help="times each side does each case")
    parser.add_argument("--json", action="store_true", help="nothing but the result")
    parser.add_argument("--table", action="store_true", help="print the conformance table")
    parser.add_argument("--lattice", type=int, default=9, help="px between sizes of its lattice")
    parser.add_argument("--differences", nargs="?", const="", metavar="FOLDER")
    given = parser.parse_args()
    # Before NumPy and torch are imported, which read them once.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    names = ("transformers", "torch", "pillow", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    sys.stderr.write(f"{versions}; {platform.machine()}, {platform.platform()}, one thread\n")
    logging.disable(logging.WARNING)  # the reference warns about every picture it may misread
    if given.table:
        for line in _table(given.lattice):
            sys.stdout.write(line + "\n")
        return
    if given.differences is not None:
        for line in _differences(given.differences):
            sys.stdout.write(line + "\n")
        return
    results = _speeds(given.repeat)
    if not given.json:
        for case, result in results.items():
            sys.stderr.write(f"{case:28} {json.dumps(result)}\n")
    sys.stdout.write(json.dumps(results) + "\n")
    sys.exit(1 if any(r["ratio"] < r["wanted"] for r in results.values()) else 0)


def _grids() -> dict[str, TileGrid]:
    from amalia.model.tile import TileGrid

    sides = [(rows, columns) for rows in range(1, 13) for columns in range(1, 13)]
    row = [(96, 96 * tiles) for tiles in range(1, 5)]
    mini = (*row, *((width, height) for height, width in row[1:]))
    large = tuple((384 * rows, 384 * columns) for rows, columns in sides if rows * columns <= 12)
    return {"mini": TileGrid(96, 16, mini), "9B": TileGrid(384, 16, large)}


def _processor(grid: TileGrid) -> Any:
    from amalia.lineage import packaged
    from amalia.model.export import load_tokenizer, processor_for

    return processor_for(load_tokenizer(packaged("tokenizer")), grid)


def _speeds(repeat: int) -> dict[str, dict[str, float]]:
    import torch
    from PIL import Image

    from amalia.model.decode import tiles_of
    from amalia.model.render import scaled

    torch.set_num_threads(1)
    grid = _grids()["9B"]
    reference = _processor(grid).image_processor

    def peer(picture: Image.Image) -> Any:
        return reference(picture, return_tensors="pt")["pixel_values"]

    def opened(data: bytes) -> Any:
        return peer(Image.open(io.BytesIO(data)))

    def tensor(tiles: Any) -> Any:
        return torch.from_numpy(scaled(tiles))

    files = {
        "jpeg 224x224": _encoded(_photo(224, 224), "JPEG"),
        "jpeg 640x480": _encoded(_photo(640, 480), "JPEG"),
        "jpeg 4000x3000": _encoded(_photo(4000, 3000), "JPEG"),
        "png page 1000x1400": _encoded(_page(1000, 1400), "PNG"),
    }
    results = {}
    for name, data in files.items():
        sides = [
            lambda data=data: opened(data),
            lambda data=data: tensor(tiles_of(data, grid, is_exact=False)),
            lambda data=data: tensor(tiles_of(data, grid, is_exact=True)),
        ]
        results |= _compared(name, _timed(sides, repeat))
    for name in ("jpeg 640x480", "png page 1000x1400"):
        picture = Image.open(io.BytesIO(files[name])).convert("RGB")
        sides = [
            lambda picture=picture: peer(picture),
            lambda picture=picture: tensor(grid.cut_quickly(picture)),
            lambda picture=picture: tensor(grid.cut(picture)),
        ]
        results |= _compared(f"tiles alone {name.split()[-1]}", _timed(sides, repeat))
    return results


def _timed(sides: Sequence[Callable[[], Any]], repeat: int) -> list[float]:
    """Give the least processor time of each side in seconds; they take turns."""
    best = [float("inf")] * len(sides)
    for _ in range(repeat + 1):  # the first time each side warms up, and is never the best
        for place, side in enumerate(sides):
            start = time.process_time()
            side()
            best[place] = min(best[place], time.process_time() - start)
    return best


def _compared(case: str, seconds: Sequence[float]) -> dict[str, dict[str, float]]:
    peer, quick, exact = seconds
    return {
        name: {
            "ours": round(1 / ours, 1),
            "peer": round(1 / peer, 1),
            "ratio": round(peer / ours, 2),
            "wanted": wanted,
        }
        for name, ours, wanted in ((case, quick, _QUICK), (f"{case}, exact", exact, _EXACT))
    }


def _table(lattice_px: int) -> Iterator[str]:
    """Compare tokens for many sizes and pixels for some; a line of Markdown a class of sizes."""
    import numpy as np

    heads = ("grid", "sizes", "compared", "tokens differ", "features differ", "by pixel", "exact")
    yield f"| {' | '.join(heads)} | quick | misread |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for name, grid in _grids().items():
        processor = _processor(grid)
        for label, sizes in _classes(grid, lattice_px).items():
            tokens = features = 0
            for size in sizes:
                counted, packed = _reference_counts(processor, grid, size)
                ours = grid.num_tokens(*size)
                tokens += ours != counted
                features += ours != packed
            rng = np.random.default_rng(0)
            small = [size for size in sizes if size[0] * size[1] <= 4_000_000]
            found = [_pixels(processor, grid, size) for size in rng.permutation(small)[:_SAMPLE]]
            read = [pair for pair in found if pair is not None]
            exact, quick = (max((pair[side] for pair in read), default=0) for side in (0, 1))
            yield (
                f"| {name} | {label} | {len(sizes):,} | {tokens} | {features} | {len(read)} | {exact}/255 "
                f"| {quick}/255 | {len(found) - len(read)} |"
            )


def _classes(grid: TileGrid, lattice_px: int) -> dict[str, list[tuple[int, int]]]:
    """Name kinds of sizes, (height, width) in px."""
    near = [
        (height * times + dy, width * times + dx)
        for height, width in grid.pinpoints_px
        for times in (1, 2, 3)
        for dy, dx in itertools.product((-1, 0, 1), repeat=2)
    ]
    ratios = [
        (height, round(height * across / down) + off)
        for down, across in grid.pinpoints_px
        for height in range(1, _LARGEST_PX + 1, 61)
        for off in (-1, 0, 1)
    ]
    edges = [1, 2, 3, 4, 5, _LARGEST_PX - 1, _LARGEST_PX]
    along = [(edge, side) for edge in edges for side in range(1, _LARGEST_PX + 1, 3)]
    primes = [n for n in range(2, _LARGEST_PX) if all(n % d for d in range(2, int(n**0.5) + 1))]
    some = primes[::6]
    steps = range(1, _LARGEST_PX + 1, lattice_px)
    return {
        "every size up to 64 × 64": list(itertools.product(range(1, 65), repeat=2)),
        "one side 1 to 5, 3999 or 4000": along + [(side, edge) for edge, side in along],
        "canvases, doubled, tripled, ± 1 px": _bounded(near),
        "proportions of canvases, ± 1 px": _bounded(ratios),
        "primes": list(itertools.product(some, repeat=2)),
        f"every {lattice_px}th px up to 4000 × 4000": list(itertools.product(steps, repeat=2)),
    }


def _bounded(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [size for size in dict.fromkeys(sizes) if min(size) >= 1 and max(size) <= _LARGEST_PX]


def _reference_counts(processor: Any, grid: TileGrid, size: tuple[int, int]) -> tuple[int, int]:
    """Count the tokens of the processor, and the features the model makes of its tiles."""
    import torch
    from transformers.models.llava_next import modeling_llava_next as reference

    side, patches = grid.tile_px, grid.patches_per_side
    counted = processor._get_number_of_features(*size, side, side)
    pinpoints = processor.image_processor.image_grid_pinpoints
    rows, columns = reference.get_anyres_image_grid_shape(size, pinpoints, side)
    grid_features = torch.empty(1, rows * patches, columns * patches, device="meta")
    _, height, width = reference.unpad_image(grid_features, size).shape
    if rows * columns + 1 != grid.num_tiles(*size):
        return int(counted), -1
    return int(counted), patches**2 + height * (width + 1)


def _pixels(processor: Any, grid: TileGrid, size: Any) -> tuple[int, int] | None:
    """Give the largest difference of noise of a size cut exactly and quickly; None if misread.

    The reference takes pictures for channels-first when they are, or become on the way, 1 or 3 px high.
    """
    import numpy as np
    from PIL import Image

    height, width = (int(side) for side in size)
    if {height, grid.fitted(height, width)[0]} & {1, 3}:
        return None
    noise = np.random.default_rng(height * _LARGEST_PX + width)
    pixels = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    values = processor.image_processor(picture, return_tensors="np")["pixel_values"][0]
    wanted = np.rint((values + 1) * 127.5).astype(int)
    exact, quick = (
        int(np.abs(wanted - tiles).max())
        for tiles in (grid.cut(picture), grid.cut_quickly(picture))
    )
    return exact, quick


def _differences(folder: str) -> Iterator[str]:
    """Compare pictures decoded at reduced scale with the same decoded whole."""
    import numpy as np
    from PIL import Image, ImageFilter

    sharp = _page(2400, 1800)
    kinds = {
        "made photograph": [_photo(2400, 1800)],
        "page, sharp": [sharp],
        "page, softened": [sharp.filter(ImageFilter.GaussianBlur(1.5))],
    }
    if folder:
        paths = [path for path in sorted(Path(folder).rglob("*.*")) if path.is_file()]
        kinds = {"photographs": [Image.open(path).convert("RGB") for path in paths]} | kinds
    yield "| pictures | larger by | 1/2 | 1/4 | 1/8 | JPEG itself | Lanczos |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for kind, pictures in kinds.items():
        for margin in _MARGINS:
            found = [_differences_of(picture, margin) for picture in pictures]
            cells = [
                f"{np.mean([mean for mean, _ in column]):.1f}, {np.mean([p99 for _, p99 in column]):.0f}"
                for column in zip(*found, strict=True)
            ]
            yield f"| {kind} | {margin} | {' | '.join(cells)} |"


def _differences_of(picture: Image.Image, margin: float) -> list[tuple[float, float]]:
    """Give mean and 99th percentile, in 1/255, at 1/2, 1/4, 1/8, and two measures at 1/2 beside them."""
    import numpy as np
    from PIL import Image

    from amalia.model import resample

    data = _encoded(picture, "JPEG")
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = whole.size

    def off(ours: Any, size: tuple[int, int]) -> tuple[float, float]:
        gap = np.abs(resample.exact(whole, size).astype(int) - ours)
        return float(gap.mean()), float(np.percentile(gap, 99))

    found = []
    for reduction in (2, 4, 8):
        size = (int(height / reduction / margin), int(width / reduction / margin))
        reduced = Image.open(io.BytesIO(data))
        reduced.draft(None, (width // reduction, height // reduction))
        area = (height / reduction, width / reduction)
        found.append(off(resample.quick(resample.pixels_of(reduced), size, area_px=area), size))
    size = (int(height / 2 / margin), int(width / 2 / margin))
    lanczos = whole.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return [*found, off(resample.exact(picture, size), size), off(np.asarray(lanczos), size)]


def _photo(width_px: int, height_px: int) -> Image.Image:
    """Make something with detail at every scale, as a photograph has."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    pixels = rng.normal(128, 2, (height_px, width_px, 3)).astype(np.float32)
    for cells in (4, 16, 64, 256, 1024):
        size = tuple(max(2, cells * s // max(width_px, height_px)) for s in (height_px, width_px))
        for channel in range(3):
            coarse = Image.fromarray(rng.normal(0, 80 / cells**0.5, size).astype(np.float32))
            pixels[..., channel] += coarse.resize((width_px, height_px), Image.Resampling.BICUBIC)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _page(width_px: int, height_px: int) -> Image.Image:
    """Make a page of text with a colored heading and figure."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (width_px, height_px), "white")
    draw = ImageDraw.Draw(page)
    em = height_px // 90
    draw.rectangle([0, 0, width_px, 4 * em], fill=(0, 80, 60))
    text = "A Biblioteca Nacional guarda livros e jornais antigos desde 1796. " * 9
    for line in range(6, 84):
        start = 7 * line % 60
        draw.text((3 * em, line * em), text[start:], fill="black", font=ImageFont.load_default(em))
    page.paste(_photo(width_px // 3, height_px // 4), (width_px // 2, height_px // 2))
    draw.rectangle([width_px - 3 * em, 4 * em, width_px, height_px], fill="white")
    return page


def _encoded(picture: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **({"quality": 90} if form == "JPEG" else {}))
    return out.getvalue()


if __name__ == "__main__":
    main()
