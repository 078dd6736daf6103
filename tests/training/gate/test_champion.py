from registry.local import LocalRegistry
from tests.older import forget
from tests.registry.conftest import FITTED, make_bundle, make_facts
from training.config import parse_config
from training.gate.champion import Champion, champion_of

__all__ = ["make_bundle"]


def test_a_champion_from_before_a_key_of_the_spec_is_still_held_against(make_bundle, tmp_path):
    bundle = make_bundle(sealed=False)
    forget("missing", bundle, make_facts())
    version = LocalRegistry(tmp_path / "models").publish(bundle, "shop")
    data = {"log": "log.csv", "label": "clicked", "time": {"column": "time"}}
    task = {"name": "shop", "data": data, "features": FITTED.spec.model_dump()}
    config = parse_config(task, source="task")
    champion = champion_of(version, config, tmp_path)
    assert isinstance(champion, Champion)
    assert champion.spec == FITTED.spec
