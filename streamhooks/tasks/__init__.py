"""Tasks.

What they are (`task`, `retry`), what a running one can reach (`context`), how calls are sent (`sending`) and run
(`runner`, `runs`, `lanes`), how a run ends (`endings`) and what it leaves behind (`settler`, `outputs`, `notes`). Calls
of hooks are run by `webhooks.runner`.
"""
