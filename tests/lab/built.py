"""Captures built byte by byte, for what no client does."""
ALL = []
