"""The deliveries: their tasks, what a request to a hook is made of, and tests with a sample."""
