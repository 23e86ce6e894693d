"""What is done with all layers of an ncnn model before it is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from core.onnx2ncnn.draft import Draft


def needed(drafts: Sequence[Draft], wanted: set[str]) -> list[Draft]:
    """Those from which the wanted blobs are computed."""
    wanted, kept = set(wanted), list[Draft]()
    for draft in reversed(drafts):
        if not wanted.isdisjoint(draft.tops):
            wanted.update(draft.bottoms)
            kept.append(draft)
    return kept[::-1]


def without_noops(drafts: list[Draft]) -> list[Draft]:
    """Rename what a Noop at an output passes on, where nothing else reads it and it is no input itself."""
    readers = Counter(bottom for draft in drafts for bottom in draft.bottoms)
    makers = {top: draft for draft in drafts for top in draft.tops}
    kept = []
    for draft in drafts:
        maker = makers[draft.bottoms[0]] if draft.type == "Noop" else None
        if maker is not None and maker.type != "Input" and readers[draft.bottoms[0]] == 1:
            maker.tops = [draft.tops[0] if top == draft.bottoms[0] else top for top in maker.tops]
        else:
            kept.append(draft)
    return kept


def with_splits(drafts: Sequence[Draft]) -> list[Draft]:
    """Give each reader of a blob a blob of its own, as ncnn requires."""
    readers = Counter(bottom for draft in drafts for bottom in draft.bottoms)
    copies: defaultdict[str, list[str]] = defaultdict(list)
    result = []
    for draft in drafts:
        bottoms = [copies[bottom].pop(0) if copies[bottom] else bottom for bottom in draft.bottoms]
        result.append(replace(draft, bottoms=bottoms))
        for top in draft.tops:
            if readers[top] > 1:
                copies[top] = [f"{top}s{index}" for index in range(readers[top])]
                result.append(Draft("Split", f"split_{top}", [top], list(copies[top]), {}, []))
    return result
