"""Pending calls: the topic `delayed` as a table, when each is due, and what may run now."""
