"""The source topics by kind, what their records ask for, and the calls that they cause."""
