"""The cost of streamhooks, compared with other ways to send the same webhooks: `python -m benchmarks --help`."""
