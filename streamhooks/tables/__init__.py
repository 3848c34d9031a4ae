"""What workers hold in memory, each rebuilt from its topic: hooks, pending calls, counters, latest requests."""
