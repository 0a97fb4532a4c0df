"""Adapters: how a host's function, class or method is put behind the interface of its kind.

What the adapter needs to know comes from the user (`Adaptation`), or is read off names that have one meaning only, and
each such reading is told in `Conformer.assumptions`. What is neither is asked for with an error.
"""

from alignprops.subjects.adapters.adaptation import Adaptation

__all__ = ["Adaptation"]
