"""A server on this machine that answers with ``Local`` as vLLM would, or with less, or with a fault."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

import make
import torch

from amalia.inference.base import Answer, Sampling, complete
from amalia.inference.local import Local
from amalia.model.render import Renderer, collate
from amalia.records import Conversation, Row

Body = dict[str, Any]


class Refused(Exception):
    """A question that gets status 400."""


@dataclass
class Manner:
    """How a server differs from a faithful one."""

    tells: Literal["all", "texts", "counts", "answers"] = "all"
    """Like vLLM; tokens by their text and no ids; no log-probabilities; nothing but the answer."""
    ids: Callable[[list[int]], list[int]] = list
    nats: Callable[[torch.Tensor], torch.Tensor] = torch.clone
    text: Callable[[str], str] = str
    refuses: frozenset[str] = frozenset()
    """Words that no question may hold."""
    card: Body = field(default_factory=dict)


class LocalServer(ThreadingHTTPServer):
    """Serves one model on the loopback address; a context manager."""

    def __init__(self, local: Local, renderer: Renderer, manner: Manner | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.local = local
        self.renderer = renderer
        self.manner = manner or Manner()
        self.asked: list[Body] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def tokens(self, row: Row[Conversation]) -> list[int]:
        return self.manner.ids(list(self.renderer.prompt(row).ids))

    def completed(self, body: Body) -> Body:
        row = row_of(body)
        asked = row.record.turns[-1].text
        if any(word in asked for word in self.manner.refuses):
            raise Refused("failed to load image")
        if self.manner.tells != "all" and "return_token_ids" in body:
            raise Refused("return_token_ids: no such field")
        if self.manner.tells in ("counts", "answers") and "logprobs" in body:
            raise Refused("logprobs are not supported")
        answer = complete(self.local, row, Sampling(max_new_tokens=body["max_tokens"]))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self.manner.text(answer.text)},
            "finish_reason": answer.finish_reason,
        }
        if "logprobs" in body:
            choice["logprobs"] = {"content": [{"top_logprobs": self._likeliest(row, body)}]}
        found: Body = {"choices": [choice]}
        if self.manner.tells != "answers":
            found["usage"] = self._usage(row, answer)
        return found

    def _usage(self, row: Row[Conversation], answer: Answer) -> Body:
        return {"prompt_tokens": len(self.tokens(row)), "completion_tokens": answer.num_tokens}

    def _likeliest(self, row: Row[Conversation], body: Body) -> list[Body]:
        batch = collate([self.renderer.prompt(row)], pad_id=self.renderer.pad_id)
        with torch.inference_mode():
            logits = self.local._model(**batch.model_inputs()).logits[0, -1].float()
        nats = self.manner.nats(logits.log_softmax(-1))
        values, ids = nats.topk(body["top_logprobs"])
        pairs = zip(ids.tolist(), values.tolist(), strict=True)
        return [
            {"token": self._named(id_, by_id="return_token_ids" in body), "logprob": value}
            for id_, value in pairs
        ]

    def _named(self, id_: int, *, by_id: bool) -> str:
        return f"token_id:{id_}" if by_id else str(self.renderer.tokenizer.decode([id_]))


def row_of(body: Body) -> Row[Conversation]:
    """Read the messages of a question."""
    turns = []
    for message in body["messages"]:
        content = message["content"]
        parts = [content] if isinstance(content, str) else [_part(part) for part in content]
        turns.append((message["role"], *parts))
    return make.conversation(*turns)


def _part(part: Body) -> str | bytes:
    if part["type"] == "text":
        return str(part["text"])
    return base64.b64decode(part["image_url"]["url"].partition(",")[2])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LocalServer

    def handle(self) -> None:
        """Serve one connection and close it, which the library leaves to the collector."""
        super().handle()
        self.request.close()

    def do_GET(self) -> None:
        card = {"id": "amalia-vl", **self.server.manner.card}
        self._send({"data": [card]} if self.path == "/v1/models" else {}, 200)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        try:
            if self.path == "/v1/chat/completions":
                self._send(self.server.completed(body), 200)
            elif self.path == "/tokenize" and self.server.manner.tells == "all":
                self._send({"tokens": self.server.tokens(row_of(body))}, 200)
            else:
                self._send({"error": "no such path"}, 404)
        except Refused as error:
            self._send({"error": {"message": str(error)}}, 400)

    def _send(self, body: Body, status: int) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
