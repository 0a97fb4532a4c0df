"""The works that theorems name as their source, by bibliography key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Work(NamedTuple):
    """A publication: how a text cites it, and the full reference."""

    cited: str
    reference: str


WORKS = {
    "im2024understanding": Work(
        "Im & Li 2024",
        "S. Im and Y. Li, Understanding the Learning Dynamics of Alignment with Human Feedback, ICML 2024, "
        "arXiv:2403.18742",
    ),
    "rafailov2023direct": Work(
        "Rafailov et al. 2023",
        "R. Rafailov, A. Sharma, E. Mitchell, S. Ermon, C. D. Manning and C. Finn, Direct Preference Optimization: "
        "Your Language Model is Secretly a Reward Model, NeurIPS 2023, arXiv:2305.18290",
    ),
    "liu2025understanding": Work(
        "Liu et al. 2025",
        "Z. Liu, C. Chen, W. Li, P. Qi, T. Pang, C. Du, W. S. Lee and M. Lin, Understanding R1-Zero-Like Training: "
        "A Critical Perspective, 2025, arXiv:2503.20783",
    ),
    "schulman2017proximal": Work(
        "Schulman et al. 2017",
        "J. Schulman, F. Wolski, P. Dhariwal, A. Radford and O. Klimov, Proximal Policy Optimization Algorithms, "
        "2017, arXiv:1707.06347",
    ),
    "williams1992simple": Work(
        "Williams 1992",
        "R. J. Williams, Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning, "
        "Machine Learning 8, 1992",
    ),
    "ye2020mastering": Work(
        "Ye et al. 2020",
        "D. Ye et al., Mastering Complex Control in MOBA Games with Deep Reinforcement Learning, AAAI 2020, "
        "arXiv:1912.09729",
    ),
}


def cited(source: str) -> str:
    """A source `key, place` with the key as a text cites it; a key that is not known stays."""
    key, _, place = source.partition(", ")
    work = WORKS.get(key)
    return source if work is None else ", ".join(filter(None, (work.cited, place)))


def references(sources: Iterable[str]) -> tuple[str, ...]:
    """The full references of the works that `sources` name, each once, in the order of their keys."""
    keys = {source.partition(", ")[0] for source in sources}
    return tuple(WORKS[key].reference for key in sorted(keys) if key in WORKS)
