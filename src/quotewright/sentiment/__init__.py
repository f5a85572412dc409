"""From texts to a number: a port for scorers, a small lexicon of ours, and a series known only when it could be."""
