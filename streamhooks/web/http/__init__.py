"""What every view needs: access, forwarding to another worker, messages, problems."""
