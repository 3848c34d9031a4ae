"""A wrong definition is refused where it is written, in one line with file and line."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamhooks.errors import Refusal
from streamhooks.tasks.task import registry
from streamhooks.worker.bootstrap import import_tasks

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of tasks into the working directory; return its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before, modules = dict(registry), set(sys.modules)

    def write(source: str, name: str = "written_tasks") -> str:
        head = "from streamhooks import instrumented_task, retry\n"
        (tmp_path / f"{name}.py").write_text(head + textwrap.dedent(source))
        importlib.invalidate_caches()
        return name

    yield write
    registry.clear()
    registry.update(before)
    for name in set(sys.modules) - modules:
        if "written" in name:
            del sys.modules[name]


WRONG = [
    ("@instrumented_task\ndef f(): ...", 2, r'write @instrumented_task\(name="…"\), with parentheses'),
    ("@instrumented_task(3)\ndef f(): ...", 2, "the name must be a text, not int"),
    ("@instrumented_task(name='')\ndef f(): ...", 2, "the name must not be empty"),
    ("@retry\n@instrumented_task(name='w.f')\ndef f(): ...", 2, "@retry goes below @instrumented_task"),
    ("@retry(on=(OSError,))\n@instrumented_task(name='w.f')\ndef f(): ...", 2, "@retry goes below @instrumented_task"),
    ("@instrumented_task(name='w.f')\n@instrumented_task(name='w.g')\ndef f(): ...", 2, "this is a task already"),
    ("@instrumented_task(name='w.f')\nclass F: ...", 2, "a task is made of a function"),
    (
        "class F:\n    @instrumented_task(name='w.f')\n    @staticmethod\n    def f(): ...",
        3,
        "a task is made of a function",
    ),
    (
        "class F:\n    @instrumented_task(name='w.f')\n    @classmethod\n    def f(cls): ...",
        3,
        "a task is made of a function",
    ),
    ("instrumented_task(name='w.f')(3)", 2, "a task is made of a function"),
    ("@retry(on='ValueError')\ndef f(): ...", 2, r"must be exceptions, .* not 'ValueError'"),
    ("@retry(on=(ValueError, int))\ndef f(): ...", 2, r"must be exceptions, .* not <class 'int'>"),
    ("@retry(ignore=ValueError())\ndef f(): ...", 2, r"\(ignore=…\): must be exceptions"),
    ("@retry(ValueError)\ndef f(): ...", 2, r"write @retry\(on=\(ValueError,\)\)"),
    ("@retry((ValueError,))\ndef f(): ...", 2, "exceptions are named"),
    ("@instrumented_task(name='w.f', max_retries='5')\ndef f(): ...", 2, "max_retries must be a whole number"),
    ("@instrumented_task(name='w.f', max_retries=-1)\ndef f(): ...", 2, "max_retries must be a whole number"),
    ("@instrumented_task(name='w.f', max_retries=1.5)\ndef f(): ...", 2, "max_retries must be a whole number"),
    ("@instrumented_task(name='w.f', default_retry_delay='60')\ndef f(): ...", 2, "must be seconds or a timedelta"),
    ("@instrumented_task(name='w.f', default_retry_delay=float('nan'))\ndef f(): ...", 2, "must be a finite number"),
    ("@instrumented_task(name='w.f', default_retry_delay=-1)\ndef f(): ...", 2, "default_retry_delay is below 0"),
    ("@instrumented_task(name='streamhooks.note_finding')\ndef f(): ...", 2, "are its own tasks"),
    ("@instrumented_task(name='w.f', max_retries='5', retry_backoff=2)\ndef f(): ...", 2, "must be a whole number"),
    ("@instrumented_task(name='w.f', retry_schedule=5)\ndef f(): ...", 2, "must be a list of delays, such as"),
    ("@instrumented_task(name='w.f', retry_schedule='5')\ndef f(): ...", 2, "must be a list of delays"),
    ("@instrumented_task(name='w\\nf')\ndef f(): ...", 2, "at most 200 printable characters"),
    ("@instrumented_task(name='w\\ud800')\ndef f(): ...", 2, "at most 200 printable characters"),
    ("@instrumented_task(name=' w.f')\ndef f(): ...", 2, "at most 200 printable characters"),
    ("@instrumented_task(name='w.f' * 99)\ndef f(): ...", 2, "at most 200 printable characters"),
    ("@instrumented_task(name='w.f')\ndef f(self, a): ...", 2, r"nobody passes `self`: current_call\(\) tells"),
    ("class F:\n    @instrumented_task(name='w.f')\n    def f(self): ...", 3, "nobody passes `self`"),
    ("class F:\n    @classmethod\n    @instrumented_task(name='w.f')\n    def f(cls): ...", 4, "nobody passes `cls`"),
    ("@instrumented_task(name='w.f', bind=True)\ndef f(self): ...", 2, r"no option 'bind': current_call\(\)"),
    ("@instrumented_task(name='w.f', acks_late=True)\ndef f(): ...", 2, "no option 'acks_late': it is always so"),
    ("@instrumented_task(name='w.f', autoretry_for=(OSError,))\ndef f(): ...", 2, r"write @retry\(on=…\) below"),
    ("@instrumented_task(name='w.f', ignore_result=True)\ndef f(): ...", 2, "no option 'ignore_result': return values"),
    ("@instrumented_task(name='w.f', anything=1)\ndef f(): ...", 2, "no option 'anything'"),
    ("import sys\nsys.exit(0)", 3, "SystemExit: 0"),
    ("class Panic(BaseException): ...\nraise Panic('rust')", 3, "Panic: rust"),
    ("def (:", 2, "SyntaxError"),
    ("import there_is_none", 2, "ModuleNotFoundError"),
]


@pytest.mark.parametrize(("source", "line", "why"), WRONG)
def test_wrong_definitions(write: Write, source: str, line: int, why: str) -> None:
    name = write(source)
    with pytest.raises(Refusal, match=why) as refused:
        import_tasks([name])
    text = str(refused.value)
    assert text.startswith("STREAMHOOKS_TASK_MODULES: written_tasks can't be imported: ")
    assert text.endswith(f"written_tasks.py:{line})")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("nowhere", "is it in {folder}, or installed?"),
        ("written_tasks.py", "write written_tasks"),
        ("shop/tasks.py", "write shop.tasks"),
        ("./written_tasks", "write written_tasks"),
        ("written_sub.nowhere", "is it in {folder}, or installed?"),
    ],
)
def test_a_module_that_is_not_found(write: Write, tmp_path: Path, name: str, cure: str) -> None:
    write("")
    (tmp_path / "written_sub").mkdir()
    with pytest.raises(Refusal) as refused:
        import_tasks([name])
    cure = cure.format(folder=tmp_path)
    assert str(refused.value) == f"STREAMHOOKS_TASK_MODULES: there is no module {name!r}: {cure}"


def test_a_name_may_have_spaces_and_a_method_of_an_object_may_be_a_task(write: Write) -> None:
    method = "class F:\n    def f(self, a): ...\ninstrumented_task(name='w.method')(F().f)"
    import_tasks([write(f"@instrumented_task(name='send a bill (ü)')\ndef f(): ...\n{method}")])
    assert {"send a bill (ü)", "w.method"} <= set(registry)


def test_a_name_is_that_of_one_function(write: Write) -> None:
    one = write("@instrumented_task(name='w.f')\ndef f(): ...", "written_one")
    for source in ("@instrumented_task(name='w.f')\ndef f(): ...", "@instrumented_task(name='w.f')\ndef g(): ..."):
        other = write(source, "written_other")
        with pytest.raises(Refusal, match="there are two tasks named") as refused:
            import_tasks([one, other])
        assert "written_one.py:2" in str(refused.value)
        assert str(refused.value).count("written_other.py:2") == 2
        sys.modules.pop("written_other", None)


def test_a_module_may_be_imported_again(write: Write, tmp_path: Path) -> None:
    import_tasks([name := write("@instrumented_task(name='w.f')\ndef f(): ...")])
    importlib.reload(sys.modules[name])
    # As when a program is started that another module imports.
    exec(compile((tmp_path / f"{name}.py").read_text(), str(tmp_path / f"{name}.py"), "exec"), {"__name__": "__main__"})


def test_an_interrupt_is_one(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        import_tasks([write("raise KeyboardInterrupt")])
