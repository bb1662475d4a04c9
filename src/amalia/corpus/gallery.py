"""The pictures of one record: listed or named by its turns, found in the folder, fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amalia.corpus.fit import fit
from amalia.errors import RecordError
from amalia.records import Image


class Gallery:
    """Hands out the pictures of a record in the order they are shown, and keeps their bytes."""

    def __init__(
        self, value: dict[str, Any], *, root: Path, folder: Path, max_side_px: int
    ) -> None:
        """Take the list from ``images``, or ``image`` (one or a list), of the record.

        Args:
            value: The record.
            root: No picture from outside of it is read.
            folder: Where the record's file is; paths are relative to it, or else to ``root``.
            max_side_px: Larger pictures shrink to this.
        """
        listed = value.get("images") or value.get("image") or []
        self._listed: list[object] = listed if isinstance(listed, list) else [listed]
        self._num_taken = 0
        self._root = root.resolve()
        self._folder = folder
        self._max_side_px = max_side_px
        self._num_shown = 0
        self.encoded: dict[str, bytes] = {}

    def following(self) -> Image:
        """Show the next picture of the list.

        Raises:
            RecordError: The list is at its end (``image_count``), or as ``show``.
        """
        self._num_taken += 1
        if self._num_taken > len(self._listed):
            raise RecordError(
                f"turns show more pictures than the {len(self._listed)} listed; list each",
                reason="image_count",
            )
        return self.show(self._listed[self._num_taken - 1])

    def show(self, source: object) -> Image:
        """Show a picture given by path, by its bytes, or by a mapping of either.

        Raises:
            RecordError: It is not in the folder (``image_outside``) or cannot be used, with the
                reasons of ``pictures.read``.
        """
        self._num_shown += 1
        if isinstance(source, dict):
            source = source.get("bytes") or source.get("path") or source.get("url")
        if isinstance(source, bytes):
            name, data = f"{self._num_shown} of the record", source
        elif isinstance(source, str) and source:
            name, data = source, self._read(source)
        else:
            raise RecordError(
                f"picture {self._num_shown} is {type(source).__name__}; expected a path or bytes",
                reason="image_unreadable",
            )
        image, kept = fit(data, name=name, max_side_px=self._max_side_px)
        self.encoded[image.sha256] = kept
        return image

    def check_all_shown(self) -> None:
        """Refuse a record that lists more than its turns show (``image_count``)."""
        if self._num_taken != len(self._listed):
            raise RecordError(
                f"{len(self._listed)} pictures are listed, turns show {self._num_taken} of them; "
                "show each once",
                reason="image_count",
            )

    def _read(self, source: str) -> bytes:
        try:
            tried = [(base / source).resolve() for base in (self._folder, self._root)]
            inside = [path for path in tried if path.is_relative_to(self._root)]
            if inside and "://" not in source:
                return next((path for path in inside if path.is_file()), inside[0]).read_bytes()
        except (OSError, RuntimeError, ValueError) as error:
            detail = getattr(error, "strerror", None) or str(error)
            raise RecordError(
                f"picture {source!r}: the file cannot be read ({detail}); replace it",
                reason="image_unreadable",
            ) from error
        raise RecordError(
            f"picture {source!r} is outside of the folder; copy it in and name it by its path",
            reason="image_outside",
        )
