"""Plain clients of Kafka, for what is not a stream: topics, what we write, what is read whole or by offset."""
