"""``/v1/embeddings``: texts → vectors, with the encoder that documents are found with."""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import TYPE_CHECKING, Any

from amalia.errors import MissingExtra, RecordError, RequestError
from amalia.serve.engine import Usage
from amalia.serve.trace import Trace
from amalia.serve.wire import EmbeddingRequest

if TYPE_CHECKING:
    from amalia.retrieve.encoder import Encode

_log = logging.getLogger("amalia.serve")


class Embedding:
    """Encodes texts as passages are encoded: compare them by their inner product."""

    def __init__(self, encoder: Encode) -> None:
        """Keep an encoder."""
        self._encoder = encoder

    @classmethod
    def load(cls) -> Embedding | None:
        """Take the packaged encoder, or None where it is not installed."""
        from amalia.retrieve.encoder import Packaged

        try:
            return cls(Packaged())
        except MissingExtra:
            _log.warning(
                "there is no encoder, so /v1/embeddings is not served; install amalia[retrieve]"
            )
            return None

    @property
    def name(self) -> str:
        """What clients call the encoder."""
        return self._encoder.name

    async def answer(self, asked: EmbeddingRequest, trace: Trace) -> dict[str, Any]:
        """Encode the texts of a request.

        Raises:
            RequestError: It is for another model, wants other dimensions, or a text is empty or too long.
        """
        texts = [asked.input] if isinstance(asked.input, str) else list(asked.input)
        if asked.model != self.name:
            raise RequestError(
                f"there is no encoder {asked.model!r}; this server has {self.name}; send that name",
                status=404,
                code="model_not_found",
                param="model",
            )
        if asked.dimensions not in (None, self._encoder.dimensions):
            raise RequestError(
                f"dimensions is {asked.dimensions}; this encoder has {self._encoder.dimensions}; leave it out",
                param="dimensions",
                code="unsupported_value",
            )
        if not all(text.strip() for text in texts):
            raise RequestError("an input is empty; send text", param="input")
        try:
            encoded = await asyncio.to_thread(self._encoder.encode_counted, texts, "passage")
        except RecordError as error:
            raise RequestError(str(error), param="input", code="context_length_exceeded") from error
        trace.usage = Usage(sum(encoded.num_tokens), 0)
        data = []
        for number, vector in enumerate(encoded.vectors):
            written: Any = (
                base64.b64encode(vector.astype("<f4").tobytes()).decode()
                if asked.encoding_format == "base64"
                else vector.tolist()
            )
            data.append({"object": "embedding", "index": number, "embedding": written})
        usage = {"prompt_tokens": sum(encoded.num_tokens), "total_tokens": sum(encoded.num_tokens)}
        return {
            "object": "list",
            "data": data,
            "model": self.name,
            "usage": usage,
            "amalia": {"trace_id": trace.about.trace_id},
        }
