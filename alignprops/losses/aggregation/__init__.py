"""How numbers of tokens become one: masked means, sums, variances, whitening, and aggregation modes of losses."""

from alignprops.losses.aggregation.aggregate import Aggregate
from alignprops.losses.aggregation.table import AGGREGATES, aggregate

__all__ = ["AGGREGATES", "Aggregate", "aggregate"]
