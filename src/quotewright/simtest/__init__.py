"""The whole live stack against the venue server under a virtual clock, with faults drawn from a seed."""
