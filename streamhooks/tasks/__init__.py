"""Tasks: what they are (`task`), what a running one can reach (`context`), how calls are sent (`sending`) and run
(`runner`), and the tasks of the mission (`mission`)."""
