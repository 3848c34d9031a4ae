"""Tools for development: an embedded Kafka, a receiver that misbehaves on request, sample traffic.

They rely on docs/reference only and import nothing of the worker.
"""
