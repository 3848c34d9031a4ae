"""What goes out: payloads, signatures, the HTTP client with its limits, the address check, the verdict."""
