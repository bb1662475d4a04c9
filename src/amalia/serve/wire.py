"""OpenAI's shapes, as far as this server understands them.

Requests are pydantic models in which an unknown field is an error that names it; null stands for absent.
Fields that only some engines understand are in the model and refused by the service, by name, when the
engine at hand does not. Answers are built in ``convert``.

Not covered: audio, files, stored completions, the responses and assistants interfaces.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        # Clients write null for what they do not say.
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if value is not None}
        return given


class TextPart(_Wire):
    """Text inside a message."""

    type: Literal["text"]
    text: str


class ImageUrl(_Wire):
    """Where a picture is."""

    url: str
    """A ``data:`` URL, or http(s) where the server allows the host."""
    detail: Literal["auto", "low", "high"] = "auto"
    """``low`` shows the model a picture of at most 512 pixels a side."""


class ImageUrlPart(_Wire):
    """A picture inside a message, as OpenAI writes it."""

    type: Literal["image_url"]
    image_url: ImageUrl | str


class ImagePart(_Wire):
    """A picture inside a message, as the documentation of AMALIA-VL writes it."""

    type: Literal["image"]
    image: str
    """A ``data:`` URL, or http(s) where the server allows the host."""


ContentPart = Annotated[TextPart | ImageUrlPart | ImagePart, Field(discriminator="type")]


class ToolFunction(_Wire):
    """A call that a model made."""

    name: str
    arguments: str


class ToolCall(_Wire):
    """A tool that a model wants called."""

    id: str
    type: Literal["function"] = "function"
    function: ToolFunction


class Message(_Wire):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] = ""
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    """What an earlier answer declined with; read as its text when it has no other."""


class StreamOptions(_Wire):
    """What a stream carries besides the answer."""

    include_usage: bool = False


class JsonSchema(_Wire):
    """The form of an answer."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    schema_: dict[str, JsonValue] = Field(alias="schema")
    strict: bool = True
    """Only true is kept to: an answer fits its schema or the request is refused."""


class TextFormat(_Wire):
    """Any text."""

    type: Literal["text"]


class JsonObjectFormat(_Wire):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchemaFormat(_Wire):
    """JSON of a given form."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")
]


class Extension(_Wire):
    """What this server understands beyond OpenAI's interface."""

    retrieve: bool | None = None
    """Whether documents are searched for this question, where the server has any."""


class _Sampled(_Wire):
    """What chat and plain completions share."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    # What is not named here goes to engines that know it, or is refused by name: see ``service``.

    model: str = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    n: int = Field(default=1, ge=1, le=16)
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(default=None, max_length=512)
    """Who asks, in the client's own words; the log keeps a digest."""
    amalia: Extension = Extension()

    @property
    def stops(self) -> tuple[str, ...]:
        """Every string that ends the answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def unnamed(self) -> dict[str, Any]:
        """Fields that stand in the request and not in this model."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _is_consistent(self) -> _Sampled:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is for streams; set stream to true or leave it out")
        if len(self.stops) > 16 or "" in self.stops:
            raise ValueError("stop takes up to 16 strings, none of them empty")
        return self


class ChatRequest(_Sampled):
    """Body of ``POST /v1/chat/completions``."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    safety_identifier: str | None = Field(default=None, max_length=512)
    """The newer name of ``user``."""

    @model_validator(mode="after")
    def _is_one_question(self) -> ChatRequest:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        both = (self.max_tokens, self.max_completion_tokens)
        if None not in both and both[0] != both[1]:
            raise ValueError("max_tokens and max_completion_tokens differ; send one of them")
        return self


class CompletionRequest(_Sampled):
    """Body of ``POST /v1/completions``."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)]
    """Plain text to go on from; no chat template is put around it."""
    logprobs: int | None = Field(default=None, ge=0, le=20)
    """So many likeliest tokens for each place."""
    echo: Literal[False] = False
    suffix: None = None


class EmbeddingRequest(_Wire):
    """Body of ``POST /v1/embeddings``."""

    model: str = Field(min_length=1)
    input: str | Annotated[list[str], Field(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1)
    """Only the encoder's own number of dimensions is accepted."""
    user: str | None = Field(default=None, max_length=512)


class ReportRequest(_Wire):
    """Body of ``POST /v1/reports``: a person reports an answer."""

    trace_id: str = Field(min_length=1, max_length=64)
    category: Literal["harmful", "wrong", "private", "language", "other"] = "other"
    comment: str = Field(default="", max_length=4000)
