"""Compiled models: their arrays, and how they are kept on disk. Nothing here learns."""
