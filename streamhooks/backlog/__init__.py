"""What a hook missed while it was disabled or behind, and how it is sent: stretches, resume, replay."""
