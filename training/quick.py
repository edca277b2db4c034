"""A training step on a CPU without what costs much and adds nothing: slow masks, copies."""

from typing import Any

from training import attention, dropout, norm, projection


def quicken(model: Any) -> None:
    """Change how a model with its adapter computes in training on a CPU; not what."""
    dropout.use(model)
    attention.use(model)
    projection.use(model)
    norm.use(model)
