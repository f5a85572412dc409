"""Runs shown to people: one HTML page, a terminal table, several runs side by side. From the journal alone."""
