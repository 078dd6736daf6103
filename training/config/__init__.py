"""The task file, part by part; `load_config` reads it whole."""

from training.config.calibration import CalibrationConfig, Kind
from training.config.data import DataConfig, TableConfig, TimeConfig
from training.config.fitting import (
    BaselineConfig,
    EarlyStoppingConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)
from training.config.history import HistoryConfig
from training.config.judging import ChampionGateConfig, GateConfig, ReportConfig, SplitConfig
from training.config.model import LINEAR, ModelConfig
from training.config.reading import data_root, load_config, parse_config
from training.config.retraining import ChecksConfig, JoinConfig, RetrainConfig
from training.config.targets import TargetConfig
from training.config.task import TaskConfig
from training.config.writing import as_yaml, refuse_to_overwrite

__all__ = [
    "LINEAR",
    "BaselineConfig",
    "CalibrationConfig",
    "ChampionGateConfig",
    "ChecksConfig",
    "DataConfig",
    "EarlyStoppingConfig",
    "GateConfig",
    "HistoryConfig",
    "JoinConfig",
    "Kind",
    "ModelConfig",
    "OptimizerConfig",
    "ReportConfig",
    "RetrainConfig",
    "ScheduleConfig",
    "SplitConfig",
    "TableConfig",
    "TargetConfig",
    "TaskConfig",
    "TimeConfig",
    "TrainingConfig",
    "as_yaml",
    "data_root",
    "load_config",
    "parse_config",
    "refuse_to_overwrite",
]
