"""What is in flight: settled in the order of offsets (`tracker`), bounded (`room`), started when allowed (`gate`)."""
