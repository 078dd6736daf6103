"""A network taken apart: any `Family` comes in, its layers by name and its hidden activations go out.

`training.fitting.layer_watch` looks at them while the network learns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import keras
from typing_extensions import override


class _Ear:
    """Holds what is heard; a plain object, because Keras copies lists that it is given."""

    heard: list[Any] | None = None


class Activation(keras.layers.Layer):
    """The activation of a hidden layer, which can be listened to.

    Args:
        name: A name that Keras knows.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.of = name
        self.function = keras.activations.get(name)
        self._ear = _Ear()
        self.built = True

    @override
    def call(self, sums: Any) -> Any:
        """The activations, same shape as the sums ``(..., units)``."""
        active = self.function(sums)
        if self._ear.heard is not None:
            self._ear.heard.append(active)
        return active

    @contextmanager
    def listening(self) -> Iterator[list[Any]]:
        """While it is open, what the layer says is collected."""
        heard: list[Any] = []
        self._ear.heard = heard
        try:
            yield heard
        finally:
            self._ear.heard = None


@runtime_checkable
class HasDepths(Protocol):
    """A layer that names what is inside it by depth."""

    def depths(self) -> dict[str, list[keras.layers.Layer]]:
        """Name of a depth -> its layers."""
        ...


def layers_by_name(network: keras.layers.Layer) -> dict[str, list[keras.layers.Layer]]:
    """Every layer with weights or an activation of its own, by where it stands: "tower hidden 1", "gates 1 user weigh".

    The names are those of the attributes that hold the layers, so that a new family needs to do nothing.
    """
    found: dict[str, list[keras.layers.Layer]] = {}
    for name, layer in _named(network, ""):
        if not any(layer is known for layers in found.values() for known in layers):
            found.setdefault(name, []).append(layer)
    return found


def _named(layer: keras.layers.Layer, name: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    if name and (isinstance(layer, Activation) or own_weights(layer)):
        yield name, layer
    for place, inner in _inside(layer):
        yield from _named(inner, f"{name} {place}".strip())


def own_weights(layer: keras.layers.Layer) -> list[Any]:
    """The trainable weights of a layer that are not those of a layer inside it."""
    inner = {id(weight) for _, deeper in _inside(layer) for weight in deeper.trainable_weights}
    return [weight for weight in layer.trainable_weights if id(weight) not in inner]


def _inside(layer: keras.layers.Layer) -> Iterator[tuple[str, keras.layers.Layer]]:
    """The layers that a layer holds, in the order of its attributes."""
    if isinstance(layer, HasDepths):
        yield from ((name, inner) for name, inners in layer.depths().items() for inner in inners)
        return
    for attribute, value in vars(layer).items():
        if not attribute.startswith("_"):
            yield from _layers_in(attribute, value)


def _layers_in(name: str, value: Any) -> Iterator[tuple[str, keras.layers.Layer]]:
    if isinstance(value, keras.layers.Layer):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _layers_in(f"{name} {key}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value, 1):
            yield from _layers_in(f"{name} {place}", inner)
