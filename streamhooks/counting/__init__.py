"""Firings: how they are written, and counted in windows of 10 seconds, an hour and a day."""
