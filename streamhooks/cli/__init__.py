"""The command line: `streamhooks`, one module per group of commands."""

from __future__ import annotations

import click

from streamhooks.cli.completion import completion
from streamhooks.cli.dead_letters import dead_letters
from streamhooks.cli.dev import dev, kafka, receiver
from streamhooks.cli.explain import explain
from streamhooks.cli.group import Group
from streamhooks.cli.hooks import hooks
from streamhooks.cli.listen import listen
from streamhooks.cli.params import api_options
from streamhooks.cli.replay import missed, replay
from streamhooks.cli.send import send
from streamhooks.cli.sources import sources
from streamhooks.cli.stats import stats
from streamhooks.cli.tasks import tasks
from streamhooks.cli.topics import topics
from streamhooks.cli.traffic import pending, requests, resend

main = click.version_option(package_name="streamhooks", message="%(package)s %(version)s")(
    api_options(
    Group(
        name="streamhooks",
        help="""Webhooks straight from Kafka. To start a worker, run: faust -A streamhooks worker -l info

        Exit codes: 0 done, 1 not possible (one line on stderr gives the reason), 2 wrong usage.""",
        commands=[
            completion, dead_letters, dev, explain, hooks, kafka, listen, missed, pending, receiver, replay, requests,
            resend, send, sources, stats, tasks, topics,
        ],
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    )
)  # fmt: skip
