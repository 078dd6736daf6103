"""The default world, written once for all tests of the simulator."""

from pathlib import Path

import polars as pl
import pytest

from simulator import ShopFiles, WorldConfig, write_shop


@pytest.fixture(scope="session")
def default_shop(tmp_path_factory: pytest.TempPathFactory) -> ShopFiles:
    return write_shop(WorldConfig(), tmp_path_factory.mktemp("default_shop"))


@pytest.fixture(scope="session")
def joined_log(default_shop: ShopFiles) -> pl.DataFrame:
    """The default log with the tables and the truth beside it."""
    log = pl.concat([pl.read_csv(default_shop.log), pl.read_csv(default_shop.truth)], how="horizontal")
    return log.join(pl.read_csv(default_shop.users), on="user_id", maintain_order="left").join(
        pl.read_csv(default_shop.items), on="item_id", maintain_order="left"
    )


@pytest.fixture
def small_config() -> WorldConfig:
    """Two blocks and a last page that is cut short."""
    return WorldConfig(impressions=60_003, seed=7, users=300, items=80, days=14)


@pytest.fixture
def shop_directory(tmp_path: Path) -> Path:
    return tmp_path / "shop"
