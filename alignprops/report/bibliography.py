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
    "agarwal2024onpolicy": Work(
        "Agarwal et al. 2024",
        "R. Agarwal et al., On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes, ICLR "
        "2024, arXiv:2306.13649",
    ),
    "ahmadian2024back": Work(
        "Ahmadian et al. 2024",
        "A. Ahmadian et al., Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human "
        "Feedback in LLMs, ACL 2024, arXiv:2402.14740",
    ),
    "azar2023general": Work(
        "Azar et al. 2023",
        "M. G. Azar et al., A General Theoretical Paradigm to Understand Learning from Human Preferences, AISTATS "
        "2024, arXiv:2310.12036",
    ),
    "chowdhury2024provably": Work(
        "Chowdhury et al. 2024",
        "S. R. Chowdhury, A. Kini and N. Natarajan, Provably Robust DPO: Aligning Language Models with Noisy "
        "Feedback, ICML 2024, arXiv:2403.00409",
    ),
    "ethayarajh2024kto": Work(
        "Ethayarajh et al. 2024",
        "K. Ethayarajh, W. Xu, N. Muennighoff, D. Jurafsky and D. Kiela, KTO: Model Alignment as Prospect "
        "Theoretic Optimization, ICML 2024, arXiv:2402.01306",
    ),
    "feng2024towards": Work(
        "Feng et al. 2024",
        "D. Feng, B. Qin, C. Huang, Z. Zhang and W. Lei, Towards Analyzing and Understanding the Limitations of "
        "DPO: A Theoretical Perspective, 2024, arXiv:2404.04626",
    ),
    "hong2024orpo": Work(
        "Hong et al. 2024",
        "J. Hong, N. Lee and J. Thorne, ORPO: Monolithic Preference Optimization without Reference Model, EMNLP "
        "2024, arXiv:2403.07691",
    ),
    "liu2024decoding": Work(
        "Liu et al. 2024",
        "T. Liu et al., Decoding-Time Realignment of Language Models, ICML 2024, arXiv:2402.02992",
    ),
    "meng2024simpo": Work(
        "Meng et al. 2024",
        "Y. Meng, M. Xia and D. Chen, SimPO: Simple Preference Optimization with a Reference-Free Reward, NeurIPS "
        "2024, arXiv:2405.14734",
    ),
    "mitchell2023note": Work(
        "Mitchell 2023",
        "E. Mitchell, A Note on DPO with Noisy Preferences and Relationship to IPO, 2023",
    ),
    "schulman2016high": Work(
        "Schulman et al. 2016",
        "J. Schulman, P. Moritz, S. Levine, M. Jordan and P. Abbeel, High-Dimensional Continuous Control Using "
        "Generalized Advantage Estimation, ICLR 2016, arXiv:1506.02438",
    ),
    "schulman2020approximating": Work(
        "Schulman 2020",
        "J. Schulman, Approximating KL Divergence, blog note, 2020",
    ),
    "shao2024deepseekmath": Work(
        "Shao et al. 2024",
        "Z. Shao et al., DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models, 2024, "
        "arXiv:2402.03300",
    ),
    "tang2024generalized": Work(
        "Tang et al. 2024",
        "Y. Tang et al., Generalized Preference Optimization: A Unified Approach to Offline Alignment, ICML 2024, "
        "arXiv:2402.05749",
    ),
    "tang2025few": Work(
        "Tang & Munos 2025",
        "Y. Tang and R. Munos, On a Few Pitfalls in KL Divergence Gradient Estimation for RL, 2025, arXiv:2506.09477",
    ),
    "wang2023beyond": Work(
        "Wang et al. 2023",
        "C. Wang, Y. Jiang, C. Yang, H. Liu and Y. Chen, Beyond Reverse KL: Generalizing Direct Preference "
        "Optimization with Diverse Divergence Constraints, ICLR 2024, arXiv:2309.16240",
    ),
    "xu2024contrastive": Work(
        "Xu et al. 2024",
        "H. Xu et al., Contrastive Preference Optimization: Pushing the Boundaries of LLM Performance in Machine "
        "Translation, ICML 2024, arXiv:2401.08417",
    ),
    "yu2025dapo": Work(
        "Yu et al. 2025",
        "Q. Yu et al., DAPO: An Open-Source LLM Reinforcement Learning System at Scale, 2025, arXiv:2503.14476",
    ),
    "zhao2023slic": Work(
        "Zhao et al. 2023",
        "Y. Zhao et al., SLiC-HF: Sequence Likelihood Calibration with Human Feedback, 2023, arXiv:2305.10425",
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
