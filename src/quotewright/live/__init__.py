"""Sessions against venues: record, paper, shadow, live; their journal, recovery and stops."""
