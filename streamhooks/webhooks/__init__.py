"""The deliveries: their tasks, how they run, what a request to a hook is made of, and tests with a sample."""
