"""What is borrowed of libraries that did not publish it: private names, and what of theirs our classes override.

There is a table for each library. It names the version that was read, and for each module of ours what that module
relies on, with a digest of its source. `tests/unit/borrowed` compares the tables with what is installed, and with the
code: no module borrows what is not listed.

Why: docs/decisions/0016-borrowed-is-listed.md.
"""
