"""The OpenAPI document says all bounds: nothing that it calls valid is refused, nothing else accepted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.depth import DEPTH
from support.schema_run import environment, findings, schemathesis
from support.web_parts import TOKEN, FakeParts, FakeSettings, listening


@pytest.mark.timeout(600)  # some 1,500 calls
async def test_what_is_accepted_is_what_the_document_says(tmp_path: Path) -> None:
    # With a token; tests/integration/test_openapi.py does it without one as well.
    async with listening(FakeParts(settings=FakeSettings(api_token=TOKEN))) as port:
        running = await asyncio.create_subprocess_exec(
            *schemathesis(f"http://127.0.0.1:{port}", TOKEN, 5 * DEPTH),
            cwd=tmp_path,
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await running.communicate()
    assert running.returncode == 0, findings(output.decode())
    assert "Tested: 35" in output.decode()
