"""Firings: how they are written, and how they are counted in windows of 10 s, an hour and a day."""
