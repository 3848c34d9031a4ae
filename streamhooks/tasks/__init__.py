"""Tasks.

What they are (`task`, `retry`), what a running one can reach (`context`), how calls are sent (`sending`) and run
(`runner`), what runs leave behind (`outputs`, `firings`), and the tasks of the mission (`mission`, `delivering`).
"""
