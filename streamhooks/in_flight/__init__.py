"""What is in flight: settled in order of offset (`tracker`), started only while it may be (`gate`)."""
