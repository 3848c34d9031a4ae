"""The command line: `streamhooks`, one module a group of commands."""

from __future__ import annotations

from streamhooks.cli.dev import dev, kafka, receiver
from streamhooks.cli.group import Group
from streamhooks.cli.hooks import hooks
from streamhooks.cli.topics import topics

main = Group(
    name="streamhooks",
    help="Webhooks straight from Kafka. A worker is started by: faust -A streamhooks worker -l info",
    commands=[dev, hooks, kafka, receiver, topics],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
