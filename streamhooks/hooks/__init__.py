"""What is known of hooks: the table, what was found about them, what their owners wish, and who writes it."""
