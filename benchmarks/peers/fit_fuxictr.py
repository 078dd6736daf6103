"""FuxiCTR's DNN or DeepFM on encoded slices: an .npz file of `benchmarks.quality.peers` comes in, one with logits goes out.

The package ships the blocks; both models are put together from them as its model zoo does, with the settings of its
benchmarks (embedding 16, hidden 400-400-400, Adam at 0.001), looked at four times an epoch.

    python fit_fuxictr.py SLICES.npz LOGITS.npz SEED dnn|deepfm
"""

import math
import os
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.layers import FactorizationMachine, FeatureEmbedding, MLP_Block
from fuxictr.pytorch.models import BaseModel
from fuxictr.pytorch.torch_utils import seed_everything

BATCH = 4096
MOST_EPOCHS = 10
CHECKS_PER_EPOCH = 4
PATIENCE = 4
EMBEDDING = 16
REGULARIZER = 1e-3
"""The best of 0, 0.001 and 0.01 on the inner split of KuaiRand."""

Batch = dict[str, torch.Tensor]


class Dnn(BaseModel):
    """Embeddings into hidden layers; DeepFM with a factorisation machine beside them."""

    def __init__(self, feature_map: FeatureMap, *, machine: bool, **settings: object) -> None:
        super().__init__(feature_map, **settings)
        self.embedding_layer = FeatureEmbedding(feature_map, EMBEDDING)
        self.machine = FactorizationMachine(feature_map) if machine else None
        self.mlp = MLP_Block(
            input_dim=feature_map.sum_emb_out_dim(), output_dim=1, hidden_units=[400, 400, 400]
        )
        self.compile("adam", "binary_crossentropy", 1e-3)
        self.reset_parameters()
        if machine:
            self._begin_small()
        self.model_to_device()

    def _begin_small(self) -> None:
        """Numbers begin as near to zero as ids do: the machine's products of them drown everything else otherwise."""
        for module in self.modules():
            if isinstance(module, FeatureEmbedding):
                for layer in module.embedding_layer.embedding_layers.values():
                    torch.nn.init.normal_(layer.weight, std=1e-4)

    def logits(self, inputs: Batch) -> torch.Tensor:
        """One per impression, ``(n, 1)``."""
        features = self.get_inputs(inputs)
        embeddings = self.embedding_layer(features)
        logits = self.mlp(embeddings.flatten(start_dim=1))
        return logits if self.machine is None else logits + self.machine(features, embeddings)

    def forward(self, inputs: Batch) -> dict[str, torch.Tensor]:
        """What `BaseModel` trains and judges."""
        return {"y_pred": self.output_activation(self.logits(inputs))}


class Batches:
    """The impressions of a slice by feature, in random order where asked for."""

    def __init__(self, columns: Batch, *, shuffled: bool) -> None:
        self.columns, self.shuffled = columns, shuffled
        self.rows = len(columns["clicked"])

    def __len__(self) -> int:
        return math.ceil(self.rows / BATCH)

    def __iter__(self) -> Iterator[Batch]:
        order = torch.randperm(self.rows) if self.shuffled else torch.arange(self.rows)
        for places in order.split(BATCH):
            yield {name: column[places] for name, column in self.columns.items()}


def main() -> None:
    """Fit and say the logits of every held-out slice."""
    source, target, seed, family = sys.argv[1:]
    seed_everything(int(seed))
    # Its threads wait by spinning: on a machine that does something else too, fewer are much faster.
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
    with np.load(source) as slices, tempfile.TemporaryDirectory() as directory:
        train = Batches(_columns(slices, "train"), shuffled=True)
        model = _model(feature_map(slices, directory), directory, len(train), machine=family == "deepfm")
        validation = Batches(_columns(slices, "validation"), shuffled=False)
        model.fit(train, epochs=MOST_EPOCHS, validation_data=validation)
        model.eval()
        with torch.no_grad():
            logits = {str(part): _logits(model, _columns(slices, str(part))) for part in slices["parts"]}
    np.savez(target, **logits)  # type: ignore[arg-type]  # its stub takes every keyword for allow_pickle


def _model(features: FeatureMap, directory: str, steps: int, *, machine: bool) -> Dnn:
    # Where the library keeps the weights of the best look.
    Path(directory, features.dataset_id).mkdir()
    return Dnn(
        features,
        machine=machine,
        model_root=directory,
        metrics=["logloss"],
        monitor="logloss",
        monitor_mode="min",
        early_stop_patience=PATIENCE,
        # Within an epoch the loss is noisy, and every look that is no better would divide the rate by ten.
        reduce_lr_on_plateau=False,
        embedding_regularizer=REGULARIZER,
        eval_steps=max(1, steps // CHECKS_PER_EPOCH),
        verbose=0,
    )


def feature_map(slices: np.lib.npyio.NpzFile, directory: str) -> FeatureMap:
    """The encoder's columns as FuxiCTR names them; a multi-valued feature is the mean of its tokens."""
    features = FeatureMap("slices", directory)
    for name, rows, width in zip(slices["id names"], slices["id rows"], slices["id widths"], strict=True):
        shape = {"type": "categorical", "vocab_size": int(rows)}
        if width > 1:
            shape |= {"type": "sequence", "max_len": int(width), "padding_idx": 0}
            shape |= {"feature_encoder": "layers.MaskedAveragePooling()"}
        features.features[_key(name)] = {"source": "", **shape}
    for place in range(slices["train values"].shape[1]):
        features.features[f"value_{place}"] = {"source": "", "type": "numeric"}
    features.labels = ["clicked"]
    features.default_emb_dim = EMBEDDING
    features.num_fields = features.get_num_fields()
    features.set_column_index()
    return features


def _columns(slices: np.lib.npyio.NpzFile, part: str) -> Batch:
    ids, values = torch.from_numpy(slices[f"{part} ids"]), slices[f"{part} values"]
    columns: Batch = OrderedDict()
    fields = zip(slices["id names"], slices["id starts"], slices["id widths"], strict=True)
    for name, start, width in fields:
        columns[_key(name)] = ids[:, start] if width == 1 else ids[:, start : start + width]
    columns |= {f"value_{place}": column for place, column in enumerate(torch.from_numpy(values.T))}
    columns["clicked"] = torch.from_numpy(slices[f"{part} clicked"])
    return columns


def _key(name: str) -> str:
    """A name that a PyTorch module may have: without dots."""
    return f"id_{name}".replace(".", "_")


def _logits(model: Dnn, columns: Batch) -> np.ndarray:
    parts = [model.logits(batch).reshape(-1) for batch in Batches(columns, shuffled=False)]
    return torch.cat(parts).numpy().astype(np.float64)


if __name__ == "__main__":
    main()
