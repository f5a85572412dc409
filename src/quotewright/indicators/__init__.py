"""Indicators of bars and of slow series: one step a bar, the same for a column of history and for the live bar."""
