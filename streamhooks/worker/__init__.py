"""A worker: its parts, how they are tied to Faust, how it starts and stops, and how it monitors itself."""
