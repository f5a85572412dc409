"""Orders at a venue as they are known: life cycle, message budget, reconciliation. No I/O, no clock of its own."""
