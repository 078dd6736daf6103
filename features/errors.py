"""What can go wrong with features.

FeatureError
├── SpecError               the specification contradicts itself
├── UnreadableValueError    one raw value cannot be what its column says
└── FittedSpecError         what was fitted does not belong to the specification
"""


class FeatureError(Exception):
    """Base of every error that the features room raises."""


class SpecError(FeatureError, ValueError):
    """The feature specification contradicts itself."""


class UnreadableValueError(FeatureError, ValueError):
    """One raw value cannot be read as its column's type."""


class FittedSpecError(FeatureError, ValueError):
    """What was fitted does not belong to the specification."""
