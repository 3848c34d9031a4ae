"""Records in flight: settled by offset (`tracker`), bounded (`room`), started only while allowed (`gate`)."""
