"""The typed records of docs/reference/records.md, and their JSON and Avro forms.

Units, in every record: `at`, `due` and `created` are epoch milliseconds; what ends in `since` or `until`, and
`warned_at`, is epoch seconds; durations are seconds unless the name says `_ms`.
"""
