"""The limits that hold deliveries back: places per hook, rates, breakers, pauses."""
