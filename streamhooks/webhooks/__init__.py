"""The deliveries: their tasks, how they run, the requests to a hook, and tests with a sample."""
