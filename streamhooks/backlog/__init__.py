"""What a hook missed while it was disabled or behind, and how it gets it: stretches, resume, replay."""
