"""What makes embeddings comparable: of one model, one engine, one listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collection import layout
from common.checksum import sha256
from common.errors import ChainError
from inference import configuration

if TYPE_CHECKING:
    from collection.settings import Settings
    from engines import Engine

# Of a configuration: what an embedding depends on, and how make is told to have it otherwise.
KEYS = (
    "net",
    "checkpoint",
    "engine",
    "precision",
    "provider",
    "batch_size",
    "aligned",
    "detector_sha256",
    "preprocessing",
    "dimension",
    "model_sha256",
    "weights_sha256",
    "versions",
)


def of_engine(settings: Settings, engine: Engine) -> dict[str, Any]:
    """Return the configuration of a collection: ``configuration.of_model``, and the alignment."""
    return configuration.of_model(settings, engine) | {
        "aligned": settings.detector is not None,
        "detector_sha256": sha256(settings.detector) if settings.detector else None,
    }


def values(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what the identity of ``manifest`` is made of."""
    found = {key: manifest["configuration"][key] for key in KEYS}
    return found | {"dtype": manifest["dtype"], "listing_sha256": manifest["listing_sha256"]}


def of(manifest: dict[str, Any]) -> str:
    """Return the identity of ``manifest``."""
    return layout.identity(values(manifest))


def refuse_others(mine: dict[str, Any], manifest: dict[str, Any], out: str) -> None:
    """Raise ``ChainError`` that names the difference unless both manifests are of one identity.

    ``mine`` is what would be written now, ``manifest`` what is in ``out``.
    """
    try:
        theirs = values(manifest)
    except (KeyError, TypeError):
        raise ChainError(
            f"{out}/{layout.MANIFEST} lacks what it should say; give another OUT=."
        ) from None
    for key, value in values(mine).items():
        if value != theirs[key]:
            raise ChainError(
                f"{out} holds embeddings of another {key.replace('_', ' ')} "
                f"({_shown(theirs[key], value)}, now {_shown(value, theirs[key])}); give another "
                "OUT=, or the same variables."
            )


def _shown(value: Any, other: Any) -> str:
    """Return ``value`` in words, of several entries those that ``other`` has otherwise."""
    if isinstance(value, dict) and isinstance(other, dict):
        return " ".join(f"{k} {v}" for k, v in value.items() if other.get(k) != v) or "without"
    if isinstance(value, str) and len(value) == 64:
        return value[:8]
    return str(value)
