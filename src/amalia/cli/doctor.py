"""``amalia doctor``: what this machine can do, and what is missing or wrong.

What is wanted is read from the installed package's own metadata, so there is no second list of pins
to forget. Exit code 1 means that something required or installed is broken; a part that is merely
not installed is no fault.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement

from amalia.device import Device, Machine, detect, machine
from amalia.errors import MissingExtra

VersionOf = Callable[[str], str | None]

_GIB = 1024**3
# What `amalia demo` may take, and room for its data and checkpoints.
_DEMO_MEMORY_GIB = 6
_DEMO_DISK_GIB = 2
# Nine billion weights as they are held while answering, and the attention cache of a long prompt.
_NINE_BILLION_GIB = {"cuda": 22, "cpu": 40}
_FOR_DEVELOPERS = ("dev", "all")


@dataclass(frozen=True, slots=True)
class Package:
    """A library, the version wanted and the one found."""

    name: str
    wanted: str
    """A version specifier such as ``==4.57.6``; empty for any."""
    installed: str | None
    is_met: bool


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part."""

    name: str
    is_ready: bool
    missing: tuple[str, ...]
    """Libraries that are not there, or not in the version wanted."""
    command: str
    """Installs it."""


@dataclass(frozen=True, slots=True)
class Ability:
    """Something one may want to do here."""

    what: str
    is_possible: bool
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found."""

    amalia: str
    python: str
    machine: Machine
    device: Device | None
    """``None`` without torch."""
    packages: tuple[Package, ...]
    extras: tuple[Extra, ...]
    packaged: dict[str, bool]
    """What ships inside the package, and whether it is there."""
    abilities: tuple[Ability, ...]
    problems: tuple[str, ...]
    """What must be mended."""
    warnings: tuple[str, ...]
    """What may surprise."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what this machine can do: cores, memory, accelerator, versions, optional parts."""
    try:
        distribution: metadata.Distribution | None = metadata.distribution("amalia")
    except metadata.PackageNotFoundError:
        distribution = None
    report = examine(
        distribution.requires or [] if distribution else None,
        extras=distribution.metadata.get_all("Provides-Extra") or [] if distribution else [],
        version_of=_version_of,
        files=resources.files("amalia"),
        folder=Path.cwd(),
    )
    typer.echo(json.dumps(asdict(report), indent=2) if as_json else "\n".join(_lines(report)))
    raise typer.Exit(1 if report.problems else 0)


def examine(
    requires: Sequence[str] | None,
    *,
    extras: Sequence[str],
    version_of: VersionOf,
    files: Traversable,
    folder: Path,
) -> Report:
    """Compare what is wanted with what is there.

    Args:
        requires: Requirements as package metadata states them; ``None`` when the package is only
            importable, not installed.
        extras: Names of the optional parts.
        version_of: Library name → installed version, or ``None``.
        files: The package's own files.
        folder: Where results would be written.
    """
    wanted = [Requirement(line) for line in requires or []]
    core = tuple(_package(item, version_of) for item in _required(wanted, ""))
    members = {
        name: [_package(item, version_of) for item in _required(wanted, name)]
        for name in extras
        if name not in _FOR_DEVELOPERS
    }
    optional = {item.name: item for items in members.values() for item in items}
    packages = (*core, *(item for item in optional.values() if item not in core))
    device, device_problem = _device()
    packaged = {
        "data": _holds(files / "pack", ".parquet"),
        "pretrained parts": _holds(files / "parts", ".safetensors"),
    }
    found = machine(folder)
    return Report(
        amalia=version_of("amalia") or "not installed",
        python=platform.python_version(),
        machine=found,
        device=device,
        packages=packages,
        extras=tuple(_extra(name, items) for name, items in members.items()),
        packaged=packaged,
        abilities=_abilities(found, device),
        problems=(*_package_problems(core, packages), *device_problem),
        warnings=tuple(_warnings(requires, packaged, version_of("torchvision"))),
    )


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _required(wanted: Sequence[Requirement], extra: str) -> Iterator[Requirement]:
    """Give the requirements of the core (``""``) or of an optional part, parts in it included."""
    for item in wanted:
        belongs = item.marker.evaluate({"extra": extra}) if item.marker else not extra
        if not belongs:
            continue
        if item.name == "amalia":
            for other in sorted(item.extras):
                yield from _required(wanted, other)
        elif extra == "" or item.marker is not None:
            yield item


def _package(item: Requirement, version_of: VersionOf) -> Package:
    installed = version_of(item.name)
    is_met = installed is not None and item.specifier.contains(installed, prereleases=True)
    return Package(item.name, str(item.specifier), installed, is_met)


def _extra(name: str, items: Sequence[Package]) -> Extra:
    missing = tuple(item.name for item in items if not item.is_met)
    return Extra(name, not missing, missing, f"pip install 'amalia[{name}]'")


def _package_problems(core: Sequence[Package], packages: Sequence[Package]) -> Iterator[str]:
    for item in packages:
        order = f"run  pip install '{item.name}{item.wanted}'"
        if item.installed is None and item in core:
            yield f"{item.name} is required and not installed: {order}"
        elif item.installed is not None and not item.is_met:
            yield f"{item.name} is {item.installed}, wanted {item.wanted}: {order}"


def _warnings(
    requires: Sequence[str] | None, packaged: dict[str, bool], torchvision: str | None
) -> Iterator[str]:
    if requires is None:
        yield "amalia is not installed, so its pins are unknown: run  pip install -e ."
    if torchvision is not None:
        yield (
            f"torchvision {torchvision} is installed; amalia does not use it, and beside a torch "
            "of another build it breaks transformers' processors: run  pip uninstall torchvision"
        )
    for name, is_there in packaged.items():
        if not is_there:
            yield f"the packaged {name} are missing: install amalia again, or rebuild them (README)"


def _device() -> tuple[Device | None, tuple[str, ...]]:
    try:
        return detect(), ()
    except MissingExtra:
        return None, ()
    except (ImportError, OSError, RuntimeError) as error:
        detail = " ".join(str(error).split())
        return None, (f"torch is installed but does not start ({detail}): install it again",)


def _holds(folder: Traversable, suffix: str) -> bool:
    if not folder.is_dir():
        return False
    return any(
        _holds(item, suffix) if item.is_dir() else item.name.endswith(suffix)
        for item in folder.iterdir()
    )


def _abilities(found: Machine, device: Device | None) -> tuple[Ability, ...]:
    memory, disk = found.memory_free_bytes / _GIB, found.disk_free_bytes / _GIB
    small = Ability(
        "run recipes/mini, all stages",
        device is not None and memory >= _DEMO_MEMORY_GIB and disk >= _DEMO_DISK_GIB,
        f"needs the train part, {_DEMO_MEMORY_GIB} GiB of memory ({memory:.1f} free) and "
        f"{_DEMO_DISK_GIB} GiB of disk ({disk:.1f} free)",
    )
    kind = device.kind if device else "cpu"
    needed = _NINE_BILLION_GIB[kind]
    there = (device.memory_bytes if device else found.memory_bytes) / _GIB
    where = "accelerator memory" if kind == "cuda" else "memory without an accelerator"
    large = Ability(
        "answer with a model of nine billion parameters",
        device is not None and there >= needed,
        f"needs the train part and {needed} GiB of {where} ({there:.1f} there)",
    )
    return small, large


def _lines(report: Report) -> Iterator[str]:
    """Write the report for people."""
    found, device = report.machine, report.device
    yield f"amalia {report.amalia}, Python {report.python}, {found.system}"
    yield f"processor    {found.processor}, {found.num_cores} cores"
    free = found.memory_free_bytes / _GIB
    yield f"memory       {found.memory_bytes / _GIB:.1f} GiB, {free:.1f} free"
    yield f"disk         {found.disk_free_bytes / _GIB:.1f} GiB free here"
    if device is None:
        yield "computes on  nothing yet: torch is not there"
    else:
        yield f"computes on  {device.kind} in {device.dtype}, {device.num_threads} threads"
        yield f"             {device.reason}"
    yield "\nLibraries"
    for item in report.packages:
        state = "ok" if item.is_met else "wrong" if item.installed else "not installed"
        yield f"  {item.name:18} {item.installed or '-':14} {item.wanted or 'any':14} {state}"
    yield "\nOptional parts"
    for extra in report.extras:
        need = f"missing {', '.join(extra.missing)}: run  {extra.command}"
        yield f"  {extra.name:18} {'ready' if extra.is_ready else need}"
    yield "\nInside the package"
    for name, is_there in report.packaged.items():
        yield f"  {name:18} {'there' if is_there else 'missing'}"
    yield "\nWhat this machine can do"
    for ability in report.abilities:
        yield f"  {'yes' if ability.is_possible else 'no ':4} {ability.what}: {ability.why}"
    for title, texts in (("Problems", report.problems), ("Warnings", report.warnings)):
        if texts:
            yield f"\n{title}"
            yield from (f"  {text}" for text in texts)
