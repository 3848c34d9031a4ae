"""Check what callers send: the fields of a hook, patterns, the bounds of lists and windows."""
