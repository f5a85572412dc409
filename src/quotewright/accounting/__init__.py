"""Money and statistics of a finished run, computed from its journal alone."""
