"""How good a ranking is, given what is relevant."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def ndcg(ranked: Sequence[str], relevant: Collection[str], depth: int = 10) -> float:
    """nDCG = DCG / ideal DCG with DCG = sum over ranks i = 1..depth of rel_i / log2(i + 1), rel_i in {0, 1}.

    `ranked` holds distinct ids, best first. Without a relevant document it is 0.

    Source: Jarvelin & Kekalainen (2002), doi 10.1145/582415.582418, with the discount log2(i + 1).
    """
    gain = sum(1 / math.log2(i + 2) for i, id in enumerate(ranked[:depth]) if id in relevant)
    ideal = sum(1 / math.log2(i + 2) for i in range(min(len(relevant), depth)))
    return gain / ideal if ideal else 0.0
