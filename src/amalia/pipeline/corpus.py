"""Corpus recipes: from web archives and folders to documents of pt-PT, pt-BR, and of either.

Everything in between lies in ``OUT/work``, in one folder for each way of making it: with other thresholds the pages are
not read again, with other settings for duplicates no threshold is applied again. It may be removed when the corpus is
there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from amalia import manifest as manifests
from amalia.corpus.bands import num_partitions
from amalia.corpus.files import file_names
from amalia.errors import ArtifactError, RecipeError
from amalia.manifest import Counts, Input, Manifest
from amalia.pipeline.corpus_files import DROPPED, task_folder, told
from amalia.pipeline.corpus_matching import Joining, Judging, Matching
from amalia.pipeline.corpus_reading import Reading, Unit
from amalia.pipeline.corpus_recipe import VARIETIES, Archives, CorpusRecipe
from amalia.pipeline.corpus_writing import Writing
from amalia.pipeline.models import beside
from amalia.pipeline.phases import Phase, run, scripts
from amalia.recipe import fingerprint
from amalia.store import Workshop, write_text

_ARCHIVES = (".warc", ".warc.gz", ".arc", ".arc.gz")
_FILES_A_TASK = 500
_LOOKED_AT_BYTES = 2**20
_BYTES_A_DOCUMENT = 2000
"""Of a compressed archive, at least; measured: a page of LibreOffice's help takes 3,000."""
_DISK_FRACTION = 1.0
"""Of the compressed input, for what is made and what lies in between; 0.53 was measured of pages of help."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done."""

    phases: tuple[Phase, ...]
    reading: Reading
    judging: Judging
    joining: Joining | None
    writing: Writing
    inputs: tuple[Input, ...]
    identity: str
    input_bytes: int

    @property
    def num_units(self) -> int:
        """Tasks of each phase that goes unit by unit."""
        return len(self.reading.units)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was made."""

    manifests: tuple[Manifest, ...]
    """Of the varieties of which there are documents, pt-PT first."""
    funnel: Funnel


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many captures became documents, and why others did not."""

    captures: int
    documents: int
    """That were made, before any threshold."""
    kept: int
    dropped: dict[str, dict[str, int]]
    """Phase → reason → how many."""
    counts: dict[str, dict[str, Any]]
    """Variety → counts, years, domains, histograms."""


def plan(recipe: CorpusRecipe, out: Path) -> Plan:
    """Find what there is to read and say what will be done.

    Raises:
        ArtifactError: A source is missing or holds nothing to read.
    """
    units: list[Unit] = []
    inputs: list[Input] = []
    input_bytes = 0
    for order, (name, source) in enumerate(recipe.sources.items()):
        is_archive = isinstance(source, Archives)
        found = list(_archives(Path(source.path))) if is_archive else [Path(source.path)]
        if not found or not found[0].exists():
            raise ArtifactError(
                f"the source {name} has nothing to read under {source.path}; expected "
                f"{'WARC or ARC files' if is_archive else 'a folder of files'}"
            )
        names = [()] if is_archive else list(_chunks(file_names(found[0])))
        units += [
            Unit(name, order, is_archive, str(path.absolute()), source.license, part)
            for path in found
            for part in names
        ]
        files = found if is_archive else [found[0] / file for part in names for file in part]
        inputs.append(_input(name, Path(source.path), files, out))
        input_bytes += sum(path.stat().st_size for path in files)
    return _planned(recipe, out, units, tuple(inputs), input_bytes)


def build(recipe: CorpusRecipe, out: Path) -> Corpus | None:
    """Make a corpus; what is there already is not made again.

    Returns:
        What was made; None when it was handed to Slurm, where the same command gathers it once the jobs are done.

    Raises:
        ArtifactError: A source is missing, ``out`` holds another corpus, or the disk is full.
        LaunchError: The executor cannot be used.
    """
    return carry_out(recipe, plan(recipe, out), out)


def carry_out(recipe: CorpusRecipe, made: Plan, out: Path) -> Corpus | None:
    """Do what ``plan`` has found; as ``build``."""
    if not run(made.phases, recipe.run, out / "work" / "logs"):
        return None
    return _gathered(recipe, made, out)


def batch_scripts(recipe: CorpusRecipe, made: Plan, out: Path) -> list[str]:
    """Write what would be handed to Slurm."""
    return scripts(made.phases, recipe.run, out / "work" / "logs")


def disk_needed(made: Plan, out: Path) -> tuple[int, int]:
    """Estimate the bytes of disk that a corpus will take, and give those that are free."""
    folder = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    return int(made.input_bytes * _DISK_FRACTION), shutil.disk_usage(folder).free


def _planned(
    recipe: CorpusRecipe, out: Path, units: Sequence[Unit], inputs: tuple[Input, ...], size: int
) -> Plan:
    work = out / "work"
    hosts = {name: str(Path(path).absolute()) for name, path in recipe.unwanted_hosts.items()}
    evaluations = {name: beside(name, out) for name in recipe.decontaminate}
    tokenizer = Path(recipe.tokenizer) if recipe.tokenizer else _packaged_tokenizer()
    if not (tokenizer / "tokenizer.json").is_file():
        raise RecipeError(
            f"there is no tokenizer.json in {tokenizer}; name the folder of a tokenizer"
        )
    reads = fingerprint(
        recipe.documents,
        archives=recipe.archives.model_dump_json(),
        units=json.dumps([_identity(unit) for unit in units]),
        inputs=",".join(item.fingerprint for item in inputs),
        hosts=",".join(f"{name}:{_digest([Path(path)])}" for name, path in hosts.items()),
        sample=str(recipe.sample_fraction),
        classifiers=json.dumps(
            {
                name: _digest(sorted(path for path in Path(one.folder).glob("*") if path.is_file()))
                for name, one in recipe.documents.classifiers.items()
            }
        ),
    )
    judges = fingerprint(
        recipe.thresholds,
        read=reads,
        scores=json.dumps(recipe.min_scores, sort_keys=True),
        duplicates=recipe.duplicates.model_dump_json() if recipe.duplicates else "",
    )
    tests = {name: manifests.read(folder).fingerprint for name, folder in evaluations.items()}
    identity = fingerprint(
        {"judged": judges, "tokenizer": _digest([tokenizer / "tokenizer.json"]), "tests": tests}
    )
    expected = recipe.duplicates.expected_documents if recipe.duplicates else 0
    partitions = num_partitions(
        expected or size // _BYTES_A_DOCUMENT, int((recipe.run.memory_gib - 0.1) * 2**30)
    )
    reading = Reading(
        work / f"read-{reads}",
        tuple(units),
        recipe.archives,
        recipe.documents,
        hosts,
        recipe.sample_fraction,
    )
    judged = work / f"judge-{judges}"
    judging = Judging(
        reading.folder,
        judged / "units",
        recipe.thresholds,
        recipe.min_scores,
        recipe.duplicates,
        partitions,
        recipe.sample_fraction,
    )
    phases = [Phase("read", len(units), reading), Phase("judge", len(units), judging)]
    joining = None
    if recipe.duplicates is not None:
        matching = Matching(
            judging.folder, judged / f"match-{partitions}", len(units), recipe.duplicates, partitions
        )  # fmt: skip
        joining = Joining(matching, reading.folder, judged / "clusters")
        phases += [Phase("match", len(matching.parts), matching), Phase("join", 1, joining)]
    writing = Writing(
        reading.folder,
        judging.folder,
        joining.folder if joining else None,
        work / f"write-{identity}",
        tokenizer.absolute(),
        tuple(str(folder.absolute()) for folder in evaluations.values()),
        recipe.sample_fraction,
    )
    phases.append(Phase("write", len(units), writing))
    given = (*inputs, *(Input(name=name, path=name, fingerprint=tests[name]) for name in tests))
    return Plan(tuple(phases), reading, judging, joining, writing, given, identity, size)


def _gathered(recipe: CorpusRecipe, made: Plan, out: Path) -> Corpus:
    found = funnel(made)
    tree = recipe.model_dump(mode="json", exclude={"run"})
    written: list[Manifest] = []
    for variety in VARIETIES:
        if not found.counts[variety]["documents"]:
            continue
        shop = Workshop(
            out / variety,
            fingerprint=fingerprint({"corpus": made.identity, "variety": variety}),
            recipe=tree | {"variety": variety},
        )
        if shop.is_finished:
            written.append(manifests.read(shop.folder))
            continue
        with shop:
            written.append(_finished(recipe, made, found, shop, variety))
    return Corpus(tuple(written), found)


def _finished(
    recipe: CorpusRecipe, made: Plan, found: Funnel, shop: Workshop, variety: str
) -> Manifest:
    counts, licenses = found.counts[variety], Counter[str]()
    dropped = Counter[str]()
    for reasons in found.dropped.values():
        dropped.update(reasons)
    with (shop.partial / DROPPED).open("w", encoding="utf-8") as shown:
        for unit in range(made.num_units):
            for folder in (made.reading.folder, made.judging.folder, made.writing.folder):
                shown.write((task_folder(folder, unit) / DROPPED).read_text("utf-8"))
            own = task_folder(made.writing.folder, unit)
            for path in sorted(own.glob(f"{variety}.*.parquet")):
                name = f"{recipe.name}-{unit:06d}-{path.stem.removeprefix(f'{variety}.')}.parquet"
                _linked(path, shop.partial / name)
            num = told(made.writing.folder, unit)["counts"][variety]["documents"]
            licenses[made.reading.units[unit].license] += num
    write_text(shop.partial / "counts.json", json.dumps(counts, ensure_ascii=False) + "\n")
    return shop.finish(
        "documents",
        f"{recipe.name}-{variety}",
        inputs=made.inputs,
        counts=Counts(
            records=counts["documents"],
            # Drops are not of one variety: most were left out before anybody asked which it was.
            dropped=dict(sorted(dropped.items())),
            licenses={name: count for name, count in sorted(licenses.items()) if count},
        ),
        figures={
            "captures": found.captures,
            "words": counts["words"],
            "tokens": counts["tokens"],
        },
    )


def funnel(made: Plan) -> Funnel:
    """Add up what all tasks counted."""
    captures = documents = 0
    dropped: dict[str, Counter[str]] = {name: Counter() for name in ("read", "judge", "write")}
    counts: dict[str, dict[str, Any]] = {}
    for unit in range(made.num_units):
        read = told(made.reading.folder, unit)
        captures += read["captures"]
        documents += read["documents"]
        dropped["read"].update(read["dropped"])
        dropped["judge"].update(told(made.judging.folder, unit)["dropped"])
        written = told(made.writing.folder, unit)
        dropped["write"].update(written["dropped"])
        for variety, own in written["counts"].items():
            counts[variety] = _added(counts.get(variety, {}), own)
    return Funnel(
        captures,
        documents,
        sum(own["documents"] for own in counts.values()),
        {name: dict(sorted(reasons.items())) for name, reasons in dropped.items()},
        counts,
    )


def _added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for name, value in other.items():
        if isinstance(value, dict):
            total[name] = dict(Counter(one.get(name, {})) + Counter(value))
        else:
            total[name] = one.get(name, 0) + value
    return total


def _archives(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for found in sorted(path.rglob("*")):
        if found.is_file() and found.name.endswith(_ARCHIVES):
            yield found


def _input(name: str, path: Path, files: Sequence[Path], out: Path) -> Input:
    """Say what a source is: an artifact is known by its manifest."""
    is_artifact = (path / manifests.FILE_NAME).is_file()
    known = manifests.read(path).fingerprint if is_artifact else _digest(files)
    return Input(
        name=name, path=os.path.relpath(path.absolute(), out.absolute()), fingerprint=known
    )


def _identity(unit: Unit) -> list[Any]:
    """Give what a unit is; where it lies on this machine is not part of it."""
    return [unit.collection, unit.order, Path(unit.path).name, unit.license, unit.names]


def _chunks(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(names), _FILES_A_TASK):
        yield tuple(names[start : start + _FILES_A_TASK])


def _digest(files: Sequence[Path]) -> str:
    """Digest names, sizes, and the first and last mebibyte: archives are too large to be read twice."""
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(_LOOKED_AT_BYTES))
            if size > _LOOKED_AT_BYTES:
                file.seek(max(_LOOKED_AT_BYTES, size - _LOOKED_AT_BYTES))
                digest.update(file.read())
    return digest.hexdigest()[:16]


def _linked(path: Path, name: Path) -> None:
    """Give a file another name, without its bytes twice where the disk can."""
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)


def _packaged_tokenizer() -> Path:
    return Path(str(resources.files("amalia").joinpath("parts/tokenizer")))
