"""Hooks: the table, their desired and observed states, which hooks match a record, and the writers."""
