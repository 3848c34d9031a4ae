"""What holds deliveries back: places per hook, rates, breakers, deadlines."""
