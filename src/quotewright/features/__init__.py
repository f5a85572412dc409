"""Readings of the market that strategies share: computed once an event, the same in replay, research and live."""
