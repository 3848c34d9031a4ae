"""What streamhooks costs, beside what else could send the same webhooks: `python -m benchmarks --help`."""
