"""Paths a market might take: fitted laws of returns, how well they know the tails, and a strategy put under stress."""
