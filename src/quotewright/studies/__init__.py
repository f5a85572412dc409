"""Whole studies, from data to a judged table, each under a name."""
