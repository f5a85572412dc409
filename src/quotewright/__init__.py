"""Market making and execution for crypto: one compiled strategy, from tick replay to live trading."""

__version__ = "0.1.0"
