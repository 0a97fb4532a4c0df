"""Traces: what a training run left behind, as a folder of JSON and columns (documented in docs/trace.md).

Reading needs numpy and safetensors only; torch and transformers are imported by `alignprops.trace.recorder` alone.
"""

from alignprops.trace.format import SCHEMA as SCHEMA
from alignprops.trace.reader import Trace as Trace
from alignprops.trace.writer import TraceWriter as TraceWriter

__all__ = ["SCHEMA", "Trace", "TraceWriter"]
