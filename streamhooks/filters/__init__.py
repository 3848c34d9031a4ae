"""The filters of hooks: what one may cost, and whether a message passes."""
