"""Tasks.

`task` and `retry` define them, `defining` checks that. `context` is what a running task can reach. Calls are checked by
`arguments` and `when`, sent by `sending` (`process` and `program` say through what), and run by
`runner`, `runs` and `lanes`. `endings` says how a run ends; `settler`, `outputs` and `notes` write what it leaves
behind. `webhooks.runner` runs the calls of hooks.
"""
