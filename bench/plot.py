"""The plot: by how much the product is ahead of each peer, figure by figure, on a logarithmic scale."""

from pathlib import Path

from bench.peers import PRODUCT
from bench.report import Results

_COLOURS = ("#2f6f4f", "#c2703d", "#55606e")
_ROW_INCHES = 0.34


def draw(results: Results, path: Path) -> None:
    """Write a PNG to ``path``."""
    import matplotlib as mpl  # noqa: PLC0415  (a group of its own: the table needs it not)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (behind the choice of the backend)

    others = [peer for peer in results.peers if peer is not PRODUCT]
    rows = [(scenario, figure) for scenario in results.scenarios for figure in scenario.figures]
    chart, axes = plt.subplots(figsize=(10, 1.4 + _ROW_INCHES * len(rows) * max(1, len(others))), layout="constrained")
    height = 0.8 / max(1, len(others))
    for number, peer in enumerate(others):
        for row, (scenario, figure) in enumerate(rows):
            ratio = results.ratio(scenario, peer, figure)
            if not ratio:
                continue
            ahead = ratio if figure.is_better_high else 1 / ratio
            place = row + (number - (len(others) - 1) / 2) * height
            label = peer.title if row == 0 else None
            bar = axes.barh(place, ahead - 1, left=1, height=height * 0.9, color=_COLOURS[number], label=label)
            axes.bar_label(bar, [f" {ahead:.2g}× "], fontsize=8)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{scenario.title}: {figure.value}" for scenario, figure in rows], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"how many times better {PRODUCT.title} is (right of 1: better, left: worse)")
    axes.legend(loc="lower right")
    axes.grid(axis="x", which="both", alpha=0.2)
    chart.savefig(path, dpi=120)
    plt.close(chart)
