"""What a caller may ask for: the fields of a hook, patterns, the bounds of lists and windows."""
