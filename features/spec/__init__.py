"""What the model looks at: features by side, their kinds and their policies.

A `FeatureSpec` comes from the task file and goes, unchanged, into the statistics, the encoder, the export and the
service. It says nothing about data already seen: that is `FittedSpec`.
"""

from features.spec.history import Activity, Duration, Recent, milliseconds
from features.spec.inputs import Half, RawInput, RawKind, Side, TimeColumn, argument_names
from features.spec.kinds import (
    CROSS_MULTIPLIER,
    CROSS_PRIME,
    FIRST_OOV_ID,
    PADDING_ID,
    Age,
    AnyFeature,
    Buckets,
    Categorical,
    ColumnFeature,
    Cross,
    Hashed,
    MultiValued,
    Numeric,
    Rate,
    TimePart,
)
from features.spec.spec import FeatureSpec, fingerprint_of

__all__ = [
    "CROSS_MULTIPLIER",
    "CROSS_PRIME",
    "FIRST_OOV_ID",
    "PADDING_ID",
    "Activity",
    "Age",
    "AnyFeature",
    "Buckets",
    "Categorical",
    "ColumnFeature",
    "Cross",
    "Duration",
    "FeatureSpec",
    "Half",
    "Hashed",
    "MultiValued",
    "Numeric",
    "Rate",
    "RawInput",
    "RawKind",
    "Recent",
    "Side",
    "TimeColumn",
    "TimePart",
    "argument_names",
    "fingerprint_of",
    "milliseconds",
]
