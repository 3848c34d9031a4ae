"""Dead letters: their states, and how they are listed, sent again and dropped."""
