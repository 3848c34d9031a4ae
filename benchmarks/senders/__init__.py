"""The senders that streamhooks is compared with, each a program as a user would write it."""
