"""(f) LitServe: requests become batches for one process that holds the network, as its documentation shows."""

import sys
from typing import Any

import litserve

from benchmarks.serving.servers.network import Network
from benchmarks.serving.servers.questions import Question, joined, split


class Ranker(litserve.LitAPI):
    """Decodes, computes and words the answers of a batch."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe hands it over
        """Load the network, in the process that computes."""
        self.network = Network.named()

    def decode_request(self, request: dict[str, Any]) -> Question:
        """A body as a question."""
        return self.network.reader.read(request)

    def batch(self, inputs: list[Question]) -> list[Question]:
        """Questions stay a list: they differ in length."""
        return list(inputs)

    def predict(self, x: list[Question]) -> list[dict[str, Any]]:
        """The answers of a batch."""
        return split(x, self.network.probabilities(joined(x)))

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer per request."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """An answer as it is; the server makes JSON of it."""
        return output


if __name__ == "__main__":
    api = Ranker(max_batch_size=64, batch_timeout=0.001)
    litserve.LitServer(api, accelerator="cpu").run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )
