"""What can be made of a public chain: blocks, entities, exchange flows, and what a coin costs to mine."""
