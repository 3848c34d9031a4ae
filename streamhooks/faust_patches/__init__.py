"""Faust, where it loses records or stops: the smallest subclasses that do not.

Each module says which defect it mends; the numbers are issues of faust-streaming/faust.
"""
