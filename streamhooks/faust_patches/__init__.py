"""Small subclasses of Faust that patch the places where it loses records or stops.

Each module says which defect it patches; the numbers are issues of faust-streaming/faust.
"""
