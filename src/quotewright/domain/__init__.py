"""What the whole product speaks of: units, instruments, events, quotes, journal records, errors."""
