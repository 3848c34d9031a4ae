"""`streamhooks hooks apply`: change the hooks to match a file, so that subscriptions can be kept in git."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import click
import orjson

from streamhooks.cli.params import json_option, with_api, yes_option
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from rich.text import Text

    from streamhooks.cli.api import Api
    from streamhooks.cli.hooks_file import Step

JSON = dict[str, Any]

_SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}
_MANY = 20


@click.command()
@click.option("-f", "--file", "given", type=click.File("rb"), required=True, help="YAML or JSON; `-` is stdin.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option("--prune", is_flag=True, help="Also delete the other hooks of the organizations in the file.")
@yes_option
@json_option
@with_api
def apply(api: Api, /, given: IO[bytes], dry_run: bool, prune: bool, yes: bool, as_json: bool) -> None:
    """Change the hooks to match a file.

    An entry of the file refers to the hook with its `id`, else to the hook with the same organization_id, app_id and
    url. Fields that the file leaves out get their defaults, except secret and status, which stay. The secret of a new
    hook is shown unless the file has it. The form of the file is in docs/command-line.md.
    """
    from streamhooks.cli import show
    from streamhooks.cli.hooks_file import plan, read_file, superfluous

    file = read_file(given.read())
    present = list(api.pages("/api/hooks", "hooks"))
    steps = plan(file.hooks, present)
    if prune:
        steps += superfluous(file, steps, present)
    if not as_json:
        _show(steps)
    done: list[JSON] = []
    wrong: list[str] = []
    if not dry_run:
        deletions = sum(step.what == "delete" for step in steps)
        if deletions:
            show.confirm(f"Delete {deletions} hooks?", yes)
        done, wrong = _carry_out(api, steps)
    if as_json:
        show.as_json({"dry_run": dry_run, "steps": [_shown(step) for step in steps], "made": done, "problems": wrong})
    else:
        for hook in done:
            click.echo(f"created {hook['id']}" + (f" with the secret {hook['secret']}" if hook.get("secret") else ""))
        click.echo(_summary(steps, dry_run))
    for problem in wrong:
        click.echo(problem, err=True)
    if wrong:
        raise Refusal(f"{len(wrong)} of {len(steps)} hooks failed")


def _carry_out(api: Api, steps: Sequence[Step]) -> tuple[list[JSON], list[str]]:
    """Do all steps, even after a worker refuses one. Return the created hooks and the problems."""
    from streamhooks.cli.api import ProblemAnswer

    made, wrong = list[JSON](), list[str]()
    for step in _with_progress([step for step in steps if step.body or step.what == "delete"]):
        try:
            if (hook := _do(api, step)) is not None:
                made.append(hook)
        except ProblemAnswer as problem:
            if problem.status in (401, 403):
                raise
            wrong.append(f"{step.id or 'new'} {step.url}: {problem}")
    return made, wrong


def _do(api: Api, step: Step) -> JSON | None:
    from streamhooks.cli import changing, show

    if step.id is None:
        hook = api.post("/api/hooks", step.body)
        show.warnings(hook)
        # The caller already knows a secret from the file.
        return {"id": hook["id"], "url": hook["url"], "secret": None if "secret" in step.body else hook["secret"]}
    if step.what == "delete":
        changing.delete(api, step.id, step.revision)
    else:
        show.warnings(changing.put(api, step.id, step.body, step.revision))
    return None


def _with_progress(steps: Sequence[Step]) -> Iterable[Step]:
    if len(steps) < _MANY:
        return steps
    from rich.progress import track

    from streamhooks.cli.show import console

    return track(steps, "hooks", console=console(stderr=True), transient=True)


def _show(steps: Iterable[Step]) -> None:
    from streamhooks.cli.show import console

    out = console()
    for step in steps:
        for line in _diff(step):
            out.print(line, soft_wrap=True)


def _diff(step: Step) -> Iterator[Text]:
    from rich.text import Text

    from streamhooks.cli.show import clean

    if step.what in _SIGNS:
        sign, colour = _SIGNS[step.what]
        name = f"{step.id}  " if step.id else ""
        yield Text(
            f"{sign} {name}{clean(step.url)}  (organization {clean(step.organization_id)})", style=f"bold {colour}"
        )
    elif step.unseen:
        yield Text(f"= {step.id}  {clean(step.url)}", style="dim")
    for name, before, after in step.changes:
        if step.what == "change":
            yield Text(f"-     {name}: {_text(before)}", style="red")
        yield Text(f"+     {name}: {_text(after)}", style="green")
    if step.unseen:
        yield Text(f"      {' and '.join(step.unseen)}: sent again, since the API masks the values", style="dim")


def _text(value: Any) -> str:
    from streamhooks.cli.show import clean

    return clean(orjson.dumps(value).decode())


def _shown(step: Step) -> JSON:
    changes = {name: {"before": before, "after": after} for name, before, after in step.changes}
    return {"what": step.what, "id": step.id, "url": step.url, "changes": changes, "unseen": list(step.unseen)}


def _summary(steps: Iterable[Step], dry_run: bool) -> str:
    counts = Counter[str](step.what for step in steps)
    words = ("to create", "to change", "to delete") if dry_run else ("created", "changed", "deleted")
    numbers = zip(("create", "change", "delete"), words, strict=True)
    return ", ".join([*(f"{counts[what]} {word}" for what, word in numbers), f"{counts['keep']} unchanged"])
