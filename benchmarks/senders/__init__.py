"""What streamhooks is measured against, each a program of its own as a user would write it."""
