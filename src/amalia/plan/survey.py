"""Every record a stage may read, looked at without decoding a pixel: its length, its pictures' headers.

A header tells size and format. It does not tell whether the pixels after it are whole, so a picture
that breaks off is only found when it is read.
"""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from amalia import manifest as manifests
from amalia.errors import RecordError
from amalia.manifest import FILE_NAME
from amalia.model.render import Renderer
from amalia.progress import Progress
from amalia.records import Conversation, Image, Preference, Row
from amalia.store import read_rows
from amalia.train.rows import Rows
from amalia.train.stage import Contrast, NextToken, Stage

NAMES_SHOWN = 5
SPAN = 50_000
_BROKEN = (OSError, SyntaxError, ValueError, KeyError, PillowImage.DecompressionBombError)

Numbers = npt.NDArray[np.int32]


class Measure(NamedTuple):
    """What one record takes."""

    tokens: int
    longest: int
    """Tokens that ``max_tokens`` bounds; of a preference those of the prompt with its longer answer."""
    supervised: int
    tiles: int


class Bad(NamedTuple):
    """A record that cannot be used."""

    name: str
    wrong: str


@dataclass
class Survey:
    """What was found in one artifact, row by row; a run of text is a row."""

    name: str
    tokens: Numbers
    """-1 where the row is bad."""
    longest: Numbers
    supervised: Numbers
    tiles: Numbers
    name_of: Callable[[int], str]
    licenses: Mapping[str, int]
    is_measured: bool
    """False when there was no tokenizer to count tokens with."""
    is_runs: bool = False
    """Rows are runs of text, all of one length."""
    bad: list[Bad] = field(default_factory=list)
    """The first few."""

    @property
    def rows(self) -> int:
        """Rows of one epoch."""
        return len(self.tokens)

    @property
    def num_bad(self) -> int:
        """Rows that cannot be used."""
        return int((self.tokens < 0).sum())

    def usable(self, max_tokens: int) -> npt.NDArray[np.int64]:
        """Number the rows that are neither bad nor too long."""
        return np.flatnonzero((self.tokens >= 0) & (self.longest <= max_tokens))

    def too_long(self, max_tokens: int) -> npt.NDArray[np.int64]:
        """Number the rows that are dropped."""
        return np.flatnonzero(self.longest > max_tokens)

    def total(self, what: str, rows: npt.NDArray[np.int64]) -> int:
        """Sum ``tokens``, ``supervised`` or ``tiles`` of some rows."""
        return int(getattr(self, what)[rows].sum(dtype=np.int64))


def survey(
    folder: Path,
    stage: Stage,
    renderer: Renderer | None,
    progress: Progress | None = None,
    *,
    workers: int = 1,
    span: int = SPAN,
) -> Survey:
    """Look at every record of an artifact.

    Args:
        folder: The artifact, finished.
        stage: What it is for.
        renderer: Counts tokens; without one only headers are looked at.
        progress: Told of every record.
        workers: Processes; one is started only for every ``span`` records.
        span: Records that one process looks at before it says what it found.

    Raises:
        ArtifactError: The artifact is damaged, holds nothing, or cannot be read by the objective.
    """
    manifest = manifests.read(folder) if (folder / FILE_NAME).is_file() else None
    licenses = manifest.counts.licenses if manifest else {}
    if manifest and manifest.kind == "documents" and isinstance(stage.objective, NextToken):
        return _of_documents(folder, stage, renderer, licenses, progress)
    rows = Rows(folder, _kind(stage))
    starts = range(0, len(rows), span)
    jobs = [(folder, stage, renderer, start, min(start + span, len(rows))) for start in starts]
    looks: Iterable[_Look]
    if workers > 1 and len(jobs) > 1:
        looks = _side_by_side(jobs, workers, progress)
    else:
        looks = [_look_at(*job, progress=progress) for job in jobs]
    found = list(looks)
    tokens, longest, supervised, tiles = np.concatenate([look.columns for look in found], axis=1)

    def name_of(number: int) -> str:
        record: Any = rows.record(number)
        return str(record.id)

    bad = [one for look in found for one in look.bad][:NAMES_SHOWN]
    is_measured = renderer is not None
    return Survey(
        folder.name, tokens, longest, supervised, tiles, name_of, licenses, is_measured, bad=bad
    )


class _Look(NamedTuple):
    """What was found in some rows."""

    columns: npt.NDArray[np.int32]
    """As ``Measure``, [4, rows]."""
    bad: list[Bad]


def _look_at(
    folder: Path,
    stage: Stage,
    renderer: Renderer | None,
    start: int,
    end: int,
    *,
    progress: Progress | None = None,
) -> _Look:
    rows = Rows(folder, _kind(stage))
    found = _Look(np.zeros((len(Measure._fields), end - start), np.int32), [])
    for number in range(start, end):
        name = f"row {number}"
        try:
            row: Row[Any] = rows.row(number)
            name = str(row.record.id)
            _check_pictures(row)
            if renderer:
                found.columns[:, number - start] = measure(row, stage, renderer)
        except RecordError as error:
            found.columns[0, number - start] = -1
            if len(found.bad) < NAMES_SHOWN:
                found.bad.append(Bad(name, str(error)))
        if progress:
            progress.advance()
    return found


def _side_by_side(
    jobs: Sequence[tuple[Any, ...]], workers: int, progress: Progress | None
) -> Iterator[_Look]:
    # spawn: a forked child could inherit locks of libraries with threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        for look in pool.map(_look_at, *zip(*jobs, strict=True)):
            if progress:
                progress.advance(look.columns.shape[1])
            yield look


def _kind(stage: Stage) -> str:
    return "conversations" if stage.objective.kind == "next_token" else "preferences"


def measure(row: Row[Any], stage: Stage, renderer: Renderer) -> Measure:
    """Count what a record takes.

    Raises:
        RecordError: It cannot be rendered.
    """
    record = row.record
    if isinstance(stage.objective, Contrast):
        if len(record.prompt.images) != 1:
            raise RecordError(f"it has {len(record.prompt.images)} pictures; the loss wants one")
        captions = (renderer.answer(turn.text) for turn in (record.chosen, record.rejected))
        return Measure(sum(map(len, captions)), 0, 0, 1)
    if isinstance(record, Preference):
        outline = renderer.prompt_outline(record.prompt)
        answers = [len(renderer.answer(turn.text)) for turn in (record.chosen, record.rejected)]
        tokens, longest = len(outline) + sum(answers), len(outline) + max(answers)
        return Measure(tokens, longest, sum(answers), outline.num_tiles)
    assert isinstance(record, Conversation)
    outline = renderer.outline(record)
    return Measure(len(outline), len(outline), sum(outline.supervised), outline.num_tiles)


def wrong_with(image: Image, data: bytes) -> str | None:
    """Say what is wrong with a picture, as far as its header tells; None if nothing is."""
    try:
        with PillowImage.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    except _BROKEN:
        return f"picture {image.sha256[:12]} has no header that can be read"
    if (width, height) != (image.width_px, image.height_px):
        recorded = f"{image.width_px} × {image.height_px}"
        return f"picture {image.sha256[:12]} is {width} × {height} px, recorded as {recorded}"
    return None


def _check_pictures(row: Row[Any]) -> None:
    record = row.record
    for image in (record.prompt if isinstance(record, Preference) else record).images:
        if wrong := wrong_with(image, row.images[image.sha256]):
            raise RecordError(wrong)


def _of_documents(
    folder: Path,
    stage: Stage,
    renderer: Renderer | None,
    licenses: Mapping[str, int],
    progress: Progress | None,
) -> Survey:
    """Count the runs that documents give: each cut by itself for packs, otherwise joined end to end."""
    lengths = []
    for row in read_rows(folder, kind="documents"):
        lengths.append(len(renderer.text(row.record.text).ids) if renderer else 0)
        if progress:
            progress.advance()
    most = stage.max_tokens
    if stage.packing:
        # As ``train.sources.Texts`` cuts them; a last token alone has nothing to be predicted from.
        cuts = [min(most, length - at) for length in lengths for at in range(0, length - 1, most)]
        full = np.array(cuts, np.int32)
    else:
        full = np.full(sum(lengths) // most, most, np.int32)
    runs = len(full)

    def name_of(number: int) -> str:
        return f"{folder.name}[{number}]"

    none = np.zeros(runs, np.int32)
    is_measured = renderer is not None
    return Survey(folder.name, full, full, full, none, name_of, licenses, is_measured, is_runs=True)
