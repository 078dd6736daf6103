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
from training.config.judging import GateConfig, ReportConfig, SplitConfig
from training.config.model import ModelConfig
from training.config.targets import TargetConfig
from training.config.task import TaskConfig, data_root, load_config, parse_config

__all__ = [
    "BaselineConfig",
    "CalibrationConfig",
    "DataConfig",
    "EarlyStoppingConfig",
    "GateConfig",
    "HistoryConfig",
    "Kind",
    "ModelConfig",
    "OptimizerConfig",
    "ReportConfig",
    "ScheduleConfig",
    "SplitConfig",
    "TableConfig",
    "TargetConfig",
    "TaskConfig",
    "TimeConfig",
    "TrainingConfig",
    "data_root",
    "load_config",
    "parse_config",
]
