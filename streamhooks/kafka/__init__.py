"""Plain Kafka clients for everything but streams: topics, writing, and reading whole topics or ranges of offsets."""
