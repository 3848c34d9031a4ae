"""Searching the topics: past attempts, and why a record fired a hook or not."""
