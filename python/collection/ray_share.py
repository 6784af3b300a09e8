"""What an actor takes of a node of a Ray cluster, and how many a node has room for."""

from __future__ import annotations

from collection import ray_cluster
from collection.settings import Settings
from common.errors import ChainError


def with_device(settings: Settings) -> Settings:
    """Return ``settings`` with torch's device: cuda where a node has one, as on one machine."""
    if settings.engine != "torch" or settings.device is not None:
        return settings
    gpu = any(node.get("GPU", 0) >= 1 for node in ray_cluster.nodes())
    return settings._replace(device="cuda" if gpu else "cpu")


def of_actor(settings: Settings) -> dict[str, float]:
    """Return what an actor takes of a node, in Ray's words; ``ChainError`` where none has it."""
    if settings.provider == "CANNExecutionProvider":
        raise ChainError("EP=CANNExecutionProvider is not tried on Ray; leave RAY_ADDRESS= out.")
    found = ray_cluster.nodes()
    if settings.device == "cuda" or (settings.provider or "").startswith(("CUDA", "Tensorrt")):
        found = [node for node in found if node.get("GPU", 0) >= 1]
        if not found:
            raise ChainError("no node of the Ray cluster has a GPU; look at ray status.")
        each = min(node.get("CPU", 0) // node["GPU"] for node in found)
        return {"num_cpus": max(1, settings.threads or each), "num_gpus": 1}
    sizes = [int(node.get("CPU", 0)) for node in found if node.get("CPU", 0) >= 1]
    if not sizes or max(sizes) < (settings.threads or 1):
        raise ChainError(
            f"no node of the Ray cluster has {settings.threads or 1} CPUs; look at ray status, or "
            "give a smaller THREADS=."
        )
    return {"num_cpus": settings.threads or min(sizes)}


def room(node: dict[str, float], resources: dict[str, float]) -> int:
    """Return how many actors that take ``resources`` a ``node`` has room for."""
    wanted = {"CPU": resources["num_cpus"], "GPU": resources.get("num_gpus", 0)}
    return int(min(node.get(name, 0) // count for name, count in wanted.items() if count))
