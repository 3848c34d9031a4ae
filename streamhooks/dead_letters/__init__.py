"""Calls that were given up: what became of them, how they are listed, sent again and dropped."""
