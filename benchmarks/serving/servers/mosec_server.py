"""(e) Mosec: its Rust front collects requests into batches for one process that holds the network.

One process, because TensorFlow uses both cores by itself; whatever waits goes as one batch.
"""

from typing import Any

import orjson
from mosec import Server, Worker

from benchmarks.serving.servers.network import Network
from benchmarks.serving.servers.questions import joined, split


class Ranker(Worker):
    """Decodes, computes and words the answers of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network.named()

    def deserialize(self, data: bytes) -> Any:
        """A body as a question."""
        return self.network.reader.read(orjson.loads(data))

    def serialize(self, data: Any) -> bytes:
        """An answer as a body."""
        return orjson.dumps(data)

    def forward(self, data: list[Any]) -> list[Any]:
        """The answers of a batch."""
        return split(data, self.network.probabilities(joined(data)))


if __name__ == "__main__":
    server = Server()
    server.append_worker(Ranker, num=1, max_batch_size=64, max_wait_time=1, timeout=30)
    server.run()
