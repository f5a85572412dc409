"""`python -m quotewright` is `quotewright`."""

from quotewright.app.cli import main

main()
