"""The task file, part by part; `load_config` reads it whole."""

from training.config.data import DataConfig, TableConfig, TimeConfig
from training.config.fitting import (
    BaselineConfig,
    EarlyStoppingConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)
from training.config.judging import GateConfig, ReportConfig, SplitConfig
from training.config.model import ModelConfig
from training.config.task import TaskConfig, data_root, load_config, parse_config

__all__ = [
    "BaselineConfig",
    "DataConfig",
    "EarlyStoppingConfig",
    "GateConfig",
    "ModelConfig",
    "OptimizerConfig",
    "ReportConfig",
    "ScheduleConfig",
    "SplitConfig",
    "TableConfig",
    "TaskConfig",
    "TimeConfig",
    "TrainingConfig",
    "data_root",
    "load_config",
    "parse_config",
]
