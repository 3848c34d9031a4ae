"""One module a topic: a stream in, task calls out."""
