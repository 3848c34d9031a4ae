"""A worker: its parts, how they are tied to Faust, how it starts and ends, and how it watches itself."""
