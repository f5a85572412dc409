"""Models from one registry: fitted, calibrated, combined, timed, and compiled for the core."""
