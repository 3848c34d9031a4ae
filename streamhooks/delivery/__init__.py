"""Requests to endpoints: payloads, signatures, the address check, the HTTP client, the meaning of a response."""
