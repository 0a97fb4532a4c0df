"""What theorems are checked against: subjects, the kinds they come in, and counterfeits."""

from alignprops.subjects.kinds import Kind, kind_named, parse_subject, references_for, register_kind
from alignprops.subjects.subject import NotApplicable, Subject

__all__ = [
    "Kind",
    "NotApplicable",
    "Subject",
    "kind_named",
    "parse_subject",
    "references_for",
    "register_kind",
]
