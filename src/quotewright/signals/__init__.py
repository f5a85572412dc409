"""Estimators of taker flow, fair price and queue, over arrays; the incremental ones fold one step over many events."""
