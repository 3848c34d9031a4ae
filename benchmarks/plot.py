"""Plots of results, where matplotlib is installed (the extra `bench`)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from benchmarks.report import Result


def save(folder: Path, result: Result) -> list[Path]:
    """Write `<name>.png` with one panel per plot of the result; return its path, or nothing without a plot."""
    if not result.bars or find_spec("matplotlib") is None:
        return []
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(result.bars), figsize=(6 * len(result.bars), 0.5 * len(result.bars[0].labels) + 1.5), squeeze=False
    )
    for panel, bars in zip(panels[0], result.bars, strict=True):
        pairs = list(zip(bars.values, bars.spreads, strict=True)) if bars.spreads else []
        reach = [[value - one.low for value, one in pairs], [one.high - value for value, one in pairs]]
        drawn = panel.barh(
            [str(label) for label in bars.labels], list(bars.values), xerr=reach if pairs else None, capsize=3
        )
        panel.bar_label(drawn, labels=[f"{value:,.4g}" for value in bars.values], padding=3)
        panel.invert_yaxis()
        panel.margins(x=0.2)
        panel.set_title(bars.title)
    figure.suptitle(result.title)
    figure.tight_layout()
    path = folder / f"{result.name}.png"
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return [path]
