"""What models learn from: frames of a declared kind with a manifest and a content hash, as-of joins, splits, bars.

`described` reads files, `checks` says what is wrong with them, `cleaning` repairs in recorded steps, `catalogue` keeps
versions on disk, `as_of` joins without look-ahead, `splits` names the parts in time, `print_bars` makes bars of ticks.
"""
