"""A venue server: a synthetic or recorded market behind Binance Spot's own wire, with faults on demand."""
