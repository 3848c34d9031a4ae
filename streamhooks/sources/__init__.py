"""What fires: the source topics by kind, what their records ask for, and the calls that these cause."""
