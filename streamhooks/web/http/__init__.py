"""What every view needs: access, forwarding to the worker that knows, messages, problems."""
