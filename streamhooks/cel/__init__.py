"""Expressions of CEL, the Common Expression Language: compiled, checked, and evaluated."""
