"""What the commands' tests share with those of the registry."""

from tests.registry.conftest import make_bundle

__all__ = ["make_bundle"]
