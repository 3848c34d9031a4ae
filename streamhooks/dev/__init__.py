"""What only development needs: an embedded Kafka, a receiver that misbehaves on request, sample traffic.

Knows the public contract only; nothing of the worker is imported here.
"""
