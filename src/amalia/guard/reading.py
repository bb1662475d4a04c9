"""Read the text in a picture, so that it can be judged like any other text.

``rapidocr`` carries its weights in its package; it is an optional part, ``amalia[ocr]``, and the first
reading takes a second longer because it loads them.

The reader knows no letters with Portuguese accents and leaves them out («instruções» is read as «instrues»).
The words that orders to a model are made of are put right again here; others stay as they were read.

Not covered: other words with accents, handwriting, text upright or upside down, faint or tiny text, text that
only shows when a picture is enlarged or its colors are changed, and more than ``MAX_CHARS`` characters. A model
may still read what this does not.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
from functools import cache
from typing import Any

import numpy as np

from amalia import pictures
from amalia.errors import MissingExtra

MAX_CHARS = 20_000
"""Of one picture."""
MAX_KNOWN = 1024
MAX_SIDE_PX = 1600
"""Larger pictures are made smaller before they are read: time grows with area."""

_ACCENTED = (
    "instrução instruções orientação orientações restrição restrições limitação limitações proibição proibições"
    " configuração configurações informação informações definição definições proteção proteções código"
    " segurança função funções prévia prévias prévio última últimas início depuração"
    " está estás esqueça obedeça começa começar"
).split()
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_MIN_CHARS = 4


def is_installed() -> bool:
    """Whether pictures can be read here."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


class Reader:
    """Reads printed text; safe to use from several threads, one picture at a time."""

    def __init__(self, max_known: int = MAX_KNOWN) -> None:
        """Load nothing yet.

        Args:
            max_known: Pictures whose text is kept, in memory, for when they come again.

        Raises:
            MissingExtra: The reader is not installed.
        """
        if not is_installed():
            raise MissingExtra("Reading text in pictures", "ocr")
        self._engine: Any = None  # untyped in rapidocr
        self._lock = threading.Lock()
        self._max_known = max_known
        self._known: dict[str, str] = {}

    def known(self, sha256: str) -> str | None:
        """Give what was read in a picture lately, by its name; None when it must be read."""
        return self._known.get(sha256)

    def read(self, data: bytes, sha256: str) -> str:
        """Give the lines of a picture from top to bottom, one a line; empty when there are none.

        Args:
            data: The picture.
            sha256: Its name, for ``known``.

        Raises:
            PictureError: The picture cannot be decoded.
        """
        image = pictures.read(data)
        image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
        # The reader takes channels in the order of OpenCV.
        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        with self._lock:
            if self._engine is None:
                self._engine = _engine()
            found = self._engine(pixels)
            lines = found.txts if found is not None and found.txts is not None else ()
            text = accented("\n".join(lines))[:MAX_CHARS]
            # Every turn of a conversation sends its pictures again.
            self._known[sha256] = text
            if len(self._known) > self._max_known:
                del self._known[next(iter(self._known))]
        return text


def accented(text: str) -> str:
    """Put accents back into words that lost whole letters when they were read."""
    lost = _lost()

    def mended(match: re.Match[str]) -> str:
        word = lost.get(match[0].lower())
        if word is None:
            return match[0]
        return word.upper() if match[0].isupper() else word

    return _WORD.sub(mended, text)


@cache
def _lost() -> dict[str, str]:
    bare = {"".join(letter for letter in word if letter.isascii()): word for word in _ACCENTED}
    # What is left of a short word is a word of its own, or none that could be told.
    return {left: word for left, word in bare.items() if left != word and len(left) >= _MIN_CHARS}


def _engine() -> Any:
    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    # One thread: the cores belong to the model.
    return RapidOCR(
        params={
            "Global.log_level": "error",
            # As large as it is, or less: by default small pictures are enlarged first, for ten times
            # the time (a 320-pixel picture without text: 0.41 s against 0.04 s).
            "Det.limit_type": "max",
            "Det.limit_side_len": 960,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
