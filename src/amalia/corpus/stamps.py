"""The stamps of Tux Paint: drawings and photographs with a caption in pt-PT and one in pt-BR.

Beside each picture stands a text file: the English caption, then ``pt.utf8=…``, ``pt_BR.utf8=…``
and some sixty more. From them come conversations (a request, the pt-PT caption) and preferences
(the pt-PT caption over the pt-BR one). Captions are the translators' own and kept as found; pairs
that differ in capitals and punctuation only say nothing about the variety and are left out. The
category of a stamp is its folder, and stands in the record's ``id`` and ``parents``.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from amalia.corpus.fit import MAX_SIDE_PX, fit
from amalia.corpus.funnel import Dropped, Plan, finished, write
from amalia.errors import ArtifactError, PictureError
from amalia.manifest import Input, Manifest
from amalia.progress import Progress
from amalia.records import Conversation, Image, Origin, Preference, Row, Text, Turn

CONVERSATIONS = "stamps"
PREFERENCES = "stamps-preferences"
# The package states GPL-2; version 2 is what holds whichever later version its text may allow.
LICENSE = "GPL-2.0-only"

_ROOT = Path("usr/share/tuxpaint/stamps")
_STEP = "amalia.corpus.stamps@1"
_LANGUAGE = "pt-PT"
_SVG_SIDE_PX = 256
"""Longer side of a drawing that has no pixels of its own; the other stamps have about 150."""
_REQUESTS = (
    "O que é isto?",
    "O que se vê na imagem?",
    "O que mostra esta imagem?",
    "O que está na imagem?",
    "O que representa esta imagem?",
    "Diz-me o que vês aqui.",
    "Podes dizer-me o que está na imagem?",
    "Descreve a imagem numa frase.",
    "Descreve em poucas palavras o que vês.",
    "Escreve uma legenda para esta imagem.",
    "Que legenda darias a esta imagem?",
    "Que legenda fica bem nesta imagem?",
)


@dataclass(frozen=True, slots=True)
class _Stamp:
    name: str
    """Category and name, for example ``animals/birds/duck``."""
    caption: str
    caption_pt_br: str
    """Empty when there is none."""
    image: Image
    data: bytes


def done(out: Path, *, package: Input) -> tuple[Manifest, ...]:
    """Give the manifests of both artifacts if they are already there, nothing otherwise.

    Raises:
        ArtifactError: ``out`` holds artifacts made from another version or with other settings.
    """
    there = [finished(plan, out / plan.name) for plan in _plans(package)]
    return tuple(manifest for manifest in there if manifest) if all(there) else ()


def build(unpacked: Path, out: Path, *, package: Input) -> tuple[Manifest, ...]:
    """Make the artifacts ``stamps`` and ``stamps-preferences``; those already there are left alone.

    Args:
        unpacked: Where the package was unpacked.
        out: Folder that gets the two.
        package: The package, with a fingerprint of its content.

    Returns:
        Their manifests. Stamps without a use are counted: ``no_caption``, ``no_picture``,
        ``no_rasterizer`` (a drawing, and the part that draws is not installed), those of
        ``pictures.read``, and for preferences ``no_pt_br_caption``, ``same_caption`` and
        ``same_words``.

    Raises:
        ArtifactError: The package has no stamps, the folders are in use or of another recipe, or
            the disk is full.
    """
    root = unpacked / _ROOT
    captions = sorted(root.rglob("*.txt"))
    if not captions:
        raise ArtifactError(
            f"package {package.name} has no captions in {_ROOT} (got {package.path}); its layout "
            "is another than this program knows, ask for a newer amalia"
        )
    stamps = list(_stamps(captions, root))
    conversations, preferences = _plans(package)
    return (
        write(conversations, _conversations(stamps), out / conversations.name, total=len(stamps)),
        write(preferences, _preferences(stamps), out / preferences.name, total=len(stamps)),
    )


def _plans(package: Input) -> tuple[Plan, Plan]:
    recipe = {
        "source": package.name,
        "package": package.path,
        "language": _LANGUAGE,
        "max_side_px": MAX_SIDE_PX,
        "svg_side_px": _SVG_SIDE_PX,
        "rasterizer": _rasterizer(),
        "step": _STEP,
    }
    return (
        Plan(CONVERSATIONS, "conversations", {"set": CONVERSATIONS, **recipe}, (package,)),
        Plan(PREFERENCES, "preferences", {"set": PREFERENCES, **recipe}, (package,)),
    )


def _rasterizer() -> str | None:
    """Name what draws SVG here, with its version."""
    try:
        return f"resvg-py {metadata.version('resvg-py')}"
    except metadata.PackageNotFoundError:
        return None


def _stamps(captions: list[Path], root: Path) -> Iterator[_Stamp | Dropped]:
    rasterizer = _rasterizer()
    with Progress("pictures", len(captions)) as progress:
        for path in captions:
            yield _stamp(path, root, rasterizer)
            progress.advance()


def _stamp(path: Path, root: Path, rasterizer: str | None) -> _Stamp | Dropped:
    name = path.relative_to(root).with_suffix("").as_posix()
    captions = _captions(path)
    if not captions.get("pt"):
        missing = f"no caption in pt; expected pt.utf8= in {path.name}"
        return Dropped(name, "no_caption", f"{name}: {missing}")
    pixels, drawing = path.with_suffix(".png"), path.with_suffix(".svg")
    try:
        if pixels.is_file():
            image, data = fit(pixels.read_bytes(), name=pixels.name)
        elif not drawing.is_file():
            return Dropped(name, "no_picture", f"{name}: neither .png nor .svg beside {path.name}")
        elif rasterizer is None:
            need = "an SVG, and nothing to draw it: run  pip install 'amalia[corpus]'"
            return Dropped(name, "no_rasterizer", f"{name}: {need}")
        else:
            image, data = fit(_drawn(drawing), name=drawing.name)
    except PictureError as error:
        return Dropped(name, error.reason, f"{name}: {error}")
    return _Stamp(name, captions["pt"], captions.get("pt_BR", ""), image, data)


def _captions(path: Path) -> dict[str, str]:
    """Give language → caption, spaces made single."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    pairs = (line.partition(".utf8=") for line in lines)
    return {key: " ".join(text.split()) for key, equals, text in pairs if equals}


def _drawn(path: Path) -> bytes:
    draw = importlib.import_module("resvg_py").svg_to_bytes
    # Sizes in points or millimetres need a resolution; system fonts would make the result depend
    # on the machine, and a stamp's subject is never its lettering.
    fixed = {"svg_path": str(path), "dpi": 96.0, "skip_system_fonts": True}
    try:
        thin: bytes = draw(**fixed, width=_SVG_SIDE_PX)
        height_px = int.from_bytes(thin[20:24], "big")
        if height_px <= _SVG_SIDE_PX:
            return thin
        tall: bytes = draw(**fixed, height=_SVG_SIDE_PX)
    except ValueError as error:
        raise PictureError(
            f"picture {path.name}: cannot be drawn ({error})", reason="image_unreadable"
        ) from error
    return tall


def _origin(stamp: _Stamp) -> Origin:
    return Origin(
        source="tuxpaint-stamps-default",
        license=LICENSE,
        created="found",
        parents=(stamp.name,),
        steps=(_STEP,),
    )


def _prompt(stamp: _Stamp, more: tuple[Turn, ...] = ()) -> Conversation:
    request = random.Random(f"{_STEP}/{stamp.name}").choice(_REQUESTS)
    asked = Turn(role="user", parts=(stamp.image, Text(text=request)))
    return Conversation(
        id=f"{CONVERSATIONS}/{stamp.name}",
        turns=(asked, *more),
        language=_LANGUAGE,
        origin=_origin(stamp),
    )


def _answer(text: str) -> Turn:
    return Turn(role="assistant", parts=(Text(text=text),))


def _conversations(stamps: list[_Stamp | Dropped]) -> Iterator[Row[Conversation] | Dropped]:
    for stamp in stamps:
        if isinstance(stamp, Dropped):
            yield stamp
            continue
        record = _prompt(stamp, (_answer(stamp.caption),))
        yield Row(record, {stamp.image.sha256: stamp.data})


def _preferences(stamps: list[_Stamp | Dropped]) -> Iterator[Row[Preference] | Dropped]:
    for stamp in stamps:
        yield stamp if isinstance(stamp, Dropped) else _sameness(stamp) or _preference(stamp)


def _preference(stamp: _Stamp) -> Row[Preference]:
    record = Preference(
        id=f"{PREFERENCES}/{stamp.name}",
        prompt=_prompt(stamp),
        chosen=_answer(stamp.caption),
        rejected=_answer(stamp.caption_pt_br),
        reason="variety_pt_br",
        origin=_origin(stamp),
    )
    return Row(record, {stamp.image.sha256: stamp.data})


def _sameness(stamp: _Stamp) -> Dropped | None:
    ours, theirs = stamp.caption, stamp.caption_pt_br
    if not theirs:
        return Dropped(stamp.name, "no_pt_br_caption", f"{stamp.name}: no caption in pt_BR")
    if ours == theirs:
        return Dropped(stamp.name, "same_caption", f"{stamp.name}: {ours!r} in both")
    if _letters(ours) == _letters(theirs):
        detail = f"{stamp.name}: {ours!r} and {theirs!r} differ in capitals and punctuation only"
        return Dropped(stamp.name, "same_words", detail)
    return None


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
