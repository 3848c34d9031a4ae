"""The typed records of docs/reference/records.md, and their JSON and Avro forms.

Units, in every record: `at`, `due` and `created` are epoch milliseconds. Names that end in `since` or `until`, and
`warned_at`, are epoch seconds. Durations are seconds unless the name says `_ms`.
"""
