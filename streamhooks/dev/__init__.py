"""What only development needs: an embedded Kafka, a receiver that misbehaves on request, sample traffic.

Knows docs/reference only; nothing of the worker is imported here.
"""
