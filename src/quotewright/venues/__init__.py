"""Adapters of real venues behind `gateway.port`, and the sockets that carry them."""
