"""Put a server together from its recipe: engine, guards, documents, log, page.

``build_app`` is what programs import; ``run`` serves it until it is told to stop. Whatever is wrong with a
recipe shows here, before anything listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from amalia import recipe as recipes
from amalia.errors import ArtifactError, MissingExtra
from amalia.guard import policy as policies
from amalia.guard import reading
from amalia.guard.guard import Guard
from amalia.guard.reading import Reader
from amalia.inference.identity import identity
from amalia.serve import recipe as shapes
from amalia.serve.access import Access
from amalia.serve.app import routes
from amalia.serve.around import Around
from amalia.serve.audit import Log
from amalia.serve.bookkeeping import Bookkeeping, Facts
from amalia.serve.documents import Documents
from amalia.serve.embedding import Embedding
from amalia.serve.engine import Engine
from amalia.serve.front import Front
from amalia.serve.housekeeping import kept_clean
from amalia.serve.metrics import Metrics
from amalia.serve.pictures import Admission
from amalia.serve.recipe import ServeRecipe
from amalia.serve.scripted import ScriptedEngine
from amalia.serve.service import Parts, Service

_log = logging.getLogger("amalia.serve")


@dataclass(frozen=True, slots=True)
class Built:
    """A server that is ready to be run."""

    app: ASGIApp
    front: Front
    recipe: ServeRecipe
    held_open: tuple[asyncio.Event, ...] = ()
    """Set when the server stops, so that connections that wait for nothing end."""


def build_app(recipe: ServeRecipe, *, folder: Path = Path()) -> ASGIApp:
    """Make the application of a server.

    Args:
        recipe: What the server is.
        folder: Where the recipe stands; relative paths are looked for there, then in the working folder.

    Raises:
        AmaliaError: Something the recipe names is missing or not valid.
    """
    return build(recipe, folder=folder).app


def build(recipe: ServeRecipe, *, folder: Path = Path()) -> Built:
    """Make a server; as ``build_app``, with its parts."""
    guard, reader = _guard(recipe, folder)
    model = _found(recipe.model, folder) if recipe.model is not None else None
    served_name = recipe.served_name or (model.resolve().name if model else recipe.engine.kind)
    engine = _engine(recipe, model, served_name, folder)
    metrics = Metrics()
    metrics.watch(engine.state)
    access = Access.load(_found(recipe.keys, folder) if recipe.keys else None)
    facts = Facts(
        model=served_name,
        model_fingerprint=identity(model.resolve()) if model else "",
        engine=recipe.engine.kind,
        recipe_fingerprint=recipes.fingerprint(recipe),
        policy=guard.policy.label if guard else "",
    )
    log = Log.open(recipe.audit)
    books = Bookkeeping(log, recipe.audit, facts, metrics, access)
    admission = Admission(recipe.pictures, recipe.limits.max_request_pixels)
    documents = Documents.load(recipe.retrieve, folder) if recipe.retrieve else None
    passed = (
        recipe.engine.passed_fields
        if isinstance(recipe.engine, shapes.Vllm | shapes.LlamaCpp)
        else ()
    )
    service = Service(
        Parts(
            engine=engine,
            served_name=served_name,
            limits=recipe.limits,
            admission=admission,
            books=books,
            guard=guard,
            reader=reader,
            documents=documents,
            system=recipe.system,
            language=recipe.language,
            passed_fields=frozenset(passed),
        )
    )
    embedding = Embedding.load() if recipe.embeddings else None
    front = Front(service, engine, access, books, metrics, recipe.limits, served_name, embedding)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await admission.start()
        await engine.start()
        try:
            async with kept_clean(log):
                yield
        finally:
            await engine.close(recipe.limits.drain_s)
            await admission.close()
            if guard is not None:
                await guard.close()
            log.close()

    app = routes(front, lifespan=lifespan, allowed_origins=recipe.allowed_origins)
    if recipe.page:
        from amalia.serve.page import mounted  # gradio takes seconds to import

        app, stop = mounted(app, front, title=served_name)
        return Built(Around(app, metrics, access), front, recipe, (stop,))
    return Built(Around(app, metrics, access), front, recipe)


def _guard(recipe: ServeRecipe, folder: Path) -> tuple[Guard | None, Reader | None]:
    if recipe.guard is None:
        _log.warning("there is no guard: nothing that comes in or goes out is checked")
        return None, None
    policy = policies.read(recipe.guard, beside=folder)
    wants = policy.read_pictures
    if wants == "always" and not reading.is_installed():
        raise MissingExtra("Reading text in pictures, which the policy wants always,", "ocr")
    keeps = reading.MAX_KNOWN if recipe.pictures.kept_bytes else 0
    reader = Reader(keeps) if wants != "never" and reading.is_installed() else None
    if reader is None and wants != "never":
        _log.warning(
            "text in pictures is not read and not checked; install amalia[ocr] to have it read"
        )
    return Guard.load(policy), reader


def _engine(recipe: ServeRecipe, model: Path | None, served_name: str, folder: Path) -> Engine:
    settings = recipe.engine
    if isinstance(settings, shapes.Scripted):
        return ScriptedEngine(settings)
    if isinstance(settings, shapes.Transformers):
        from amalia.serve.embedded import EmbeddedEngine  # torch: other engines need none here

        assert model is not None
        return EmbeddedEngine(settings, model)
    from amalia.serve.remote import RemoteEngine

    fleet = None
    if isinstance(settings, shapes.Vllm) and not settings.urls:
        from amalia.serve.vllm_process import Fleet

        assert model is not None
        fleet = Fleet(settings, model, served_name=served_name, folder=folder)
    return RemoteEngine(settings, fleet)


def _found(name: str, folder: Path) -> Path:
    for path in (folder / name, Path(name)):
        if path.exists():
            return path
    raise ArtifactError(
        f"there is no {name}, neither beside the recipe nor in the working folder; give the path of one"
    )
