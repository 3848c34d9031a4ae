"""Tasks.

`task` and `retry` define them. `context` is what a running task can reach. Calls are sent by `sending` and run by
`runner`, `runs` and `lanes`. `endings` says how a run ends; `settler`, `outputs` and `notes` write what it leaves
behind. `webhooks.runner` runs the calls of hooks.
"""
