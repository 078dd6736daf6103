"""The champion's weights as first weights: a published version comes in, a `Start` that new networks begin from goes out.

`training.pipeline` makes it where ``training.warm_start`` asks for it, `training.fitting.descent` gives it to each network.
"""

from dataclasses import dataclass
from itertools import repeat
from typing import Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from features.fitted import FittedFeature, FittedSpec, FittedVocabulary
from features.layout import EncodedLayout
from features.spec import AnyFeature, Cross
from registry.errors import RegistryError
from registry.version import Version
from training.config import LINEAR, TaskConfig
from training.errors import ConfigError, TrainingError
from training.export.stored_task import stored_task
from training.models import Family, Regularisation, build
from training.models.ensemble import Ensemble
from training.targets import Targets


class ColdError(TrainingError):
    """The champion's weights cannot be taken over; the network starts fresh."""


@dataclass(frozen=True)
class Start:
    """Trained networks whose weights others begin with.

    Attributes:
        networks: The champion's, one per member.
        known: For each id field its new ids and the champion's ids of the same tokens, each ``(k,)``.
    """

    networks: tuple[Family, ...]
    known: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]

    @classmethod
    def of(cls, version: Version, config: TaskConfig, fitted: FittedSpec) -> Self:
        """Recover the networks of a version.

        Raises:
            ColdError: If the version's features or network are not those of the task.
        """
        try:
            task = stored_task(version)
            old = version.fitted_spec()
        except (OSError, ConfigError, RegistryError) as error:
            raise ColdError(f"{version} does not say how it was made: {error}") from error
        _refuse_another_network(task, config, old.layout(), fitted.layout())
        return cls(_networks(version, task, old), known_ids(old, fitted))

    def of_member(self, place: int) -> Self | None:
        """The start of one member of an ensemble; None where the champion has fewer."""
        return (
            type(self)(self.networks[place : place + 1], self.known) if place < len(self.networks) else None
        )

    def give_to(self, network: Family) -> None:
        """Copy every weight; in tables only the rows of known ids, the others keep their fresh ones.

        A network of another family, such as a linear one beside the task's, stays as it is.
        """
        old = self.networks[0]
        if type(network) is not type(old):
            return
        tables = {id(embedding.table) for embedding in network.field_embeddings() if embedding.first_rows}
        for variable, other in zip(network.weights, old.weights, strict=True):
            if id(variable) not in tables:
                variable.assign(other)
        for embedding, other in zip(network.field_embeddings(), old.field_embeddings(), strict=True):
            if not embedding.first_rows:
                continue
            table, learned = np.copy(embedding.table.numpy()), other.table.numpy()
            for field in embedding.layout.ids:
                if not field.like:
                    ids, old_ids = self.known[field.name]
                    table[embedding.first_rows[field.name] + ids] = learned[
                        other.first_rows[field.name] + old_ids
                    ]
            embedding.table.assign(table)

    def note(self, version: Version) -> str:
        """What happened, for the report."""
        known = sum(len(ids) for ids, _ in self.known.values())
        return f"The networks began with the weights of {version}, which knew {known:,} of their ids."


def start_of(
    version: Version | None, config: TaskConfig, fitted: FittedSpec
) -> tuple[Start | None, tuple[str, ...]]:
    """Where the networks begin, and what the report should say about it."""
    if version is None or not config.training.warm_start:
        return None, ()
    try:
        start = Start.of(version, config, fitted)
    except ColdError as error:
        return None, (f"training.warm_start: the network started fresh. {error}",)
    return start, (start.note(version),)


def _refuse_another_network(
    old: TaskConfig, new: TaskConfig, old_layout: EncodedLayout, new_layout: EncodedLayout
) -> None:
    if old.model.batch_norm:
        raise ColdError(
            "model.batch_norm: the export holds its norms folded into the layers, which cannot be trained on"
        )
    if old.model != new.model or old.all_targets() != new.all_targets():
        raise ColdError("the champion has another network: model and targets are not the same")
    if _shape(old_layout) != _shape(new_layout):
        raise ColdError("the champion has other features")


def _shape(layout: EncodedLayout) -> tuple[object, ...]:
    """Everything about the columns but how many ids there are."""
    ids = tuple(
        (field.name, field.half, field.width, field.pooling, field.like, field.attends)
        for field in layout.ids
    )
    return ids, layout.values


def _networks(version: Version, task: TaskConfig, fitted: FittedSpec) -> tuple[Family, ...]:
    """The version's networks with its weights."""
    reader = tf.train.load_checkpoint(str(version.directory / "variables" / "variables"))
    stored = []
    for place in range(len(reader.get_variable_to_shape_map())):
        name = f"weights/{place}/.ATTRIBUTES/VARIABLE_VALUE"
        if not reader.has_tensor(name):
            break
        stored.append(reader.get_tensor(name))
    count = 1 if task.training.distill else task.model.ensemble
    for linear in (0, 1):
        members = [
            build(fitted.layout(), model, Regularisation(), Targets.of(task)).built_for_layout()
            for model in (*repeat(task.model, count), *repeat(LINEAR, linear))
        ]
        whole = members[0] if len(members) == 1 else Ensemble(members)
        if [variable.shape for variable in whole.variables] == [array.shape for array in stored]:
            for variable, array in zip(whole.variables, stored, strict=True):
                variable.assign(keras.ops.convert_to_tensor(array, dtype=variable.dtype))
            return tuple(members[:count])
    raise ColdError("the export does not hold the weights that its task file asks for")


def known_ids(old: FittedSpec, new: FittedSpec) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each id feature of both its new ids and the old ids of the same meaning, each ``(k,)``."""
    features = {feature.name: feature for feature in old.spec.features()}
    return {
        feature.name: _same_ids(old, features[feature.name], new, feature)
        for feature in new.spec.features()
        if feature.name in features
    }


def _same_ids(
    old: FittedSpec, old_feature: AnyFeature, new: FittedSpec, feature: AnyFeature
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """New ids and the old ids that mean the same: tokens by name, everything else by its number."""
    before, now = old.learned_for(old_feature), new.learned_for(feature)
    rows, old_rows = new.rows_of(feature), old.rows_of(old_feature)
    if isinstance(feature, Cross) and _made_of(old, feature) != _made_of(new, feature):
        # The numbers of its parts are what a cross hashes: one token more gives nearly every pair another id.
        pairs = []
    elif isinstance(before, FittedVocabulary) and isinstance(now, FittedVocabulary):
        first, old_first = rows - len(now.tokens), old_rows - len(before.tokens)
        place_of = {token: place for place, token in enumerate(before.tokens)}
        pairs = [
            (first + at, old_first + place_of[token])
            for at, token in enumerate(now.tokens)
            if token in place_of
        ]
        if first == old_first:  # padding and OOV ids
            pairs = [(place, place) for place in range(first)] + pairs
    else:
        pairs = [(place, place) for place in range(rows)] if rows == old_rows else []
    ids = np.asarray(pairs, np.int64).reshape(-1, 2)
    return ids[:, 0], ids[:, 1]


def _made_of(fitted: FittedSpec, cross: Cross) -> list[tuple[AnyFeature, FittedFeature]]:
    """A cross and its parts, with what was fitted for each."""
    names = {cross.name, *cross.of}
    return [
        (feature, fitted.learned_for(feature)) for feature in fitted.spec.features() if feature.name in names
    ]
