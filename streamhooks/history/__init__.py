"""Looking back into the topics: the attempts of a hook, and why a record fired what it did."""
