"""Looking back into the topics: what a hook missed, replays, why a record fired what it did, dead letters."""
