"""What fires: one module per source topic, the rules that decide which hooks it is for, and what is told to them."""
