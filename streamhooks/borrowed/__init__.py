"""What we use of libraries beyond their public names: private names, and methods that our classes override.

Each library has a table. It names the version that was read and, per module of ours, the names that the module relies
on, each with a digest of its source. `tests/unit/borrowed` compares the tables with the installed libraries and with
our code: no module may borrow a name that is not listed.

Why: docs/decisions/0016-borrowed-is-listed.md.
"""
