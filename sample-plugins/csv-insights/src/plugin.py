"""csv-insights: column statistics of a CSV text."""

from columns import Column, read_column
from componentize_py_types import Err
from reading import Malformed, Row, cells_by_column, detect_delimiter, has_header, read_rows
from wardian_sdk import cached, monitored, timeout
from wit_world.exports import insights
from wit_world.exports.insights import ColumnStats, RaggedRow, Report

RAGGED_SHOWN = 20


class Insights:
    """What ``wit/world.wit`` exports as the interface ``insights``."""

    # What the host does around it: the same text has the same report, and is read once an hour.
    @monitored(slow_seconds=0.5)
    @cached(ttl=3600)
    @timeout(seconds=3)
    def analyze(self, csv: str) -> Report:
        """Return the report; ``Err`` with a ``csv-error`` when the text is not a table."""
        delimiter = detect_delimiter(csv)
        rows = _rows(csv, delimiter)
        width = len(rows[0].cells)
        ragged = [
            RaggedRow(row.line, width, len(row.cells)) for row in rows if len(row.cells) != width
        ]
        if len(ragged) * 2 > len(rows):
            raise Err(insights.CsvError_Ragged(ragged[0]))

        # In a text whose delimiter is a semicolon, a comma is a decimal comma.
        decimal_comma = delimiter == ";"
        named = has_header([row.cells for row in rows], decimal_comma)
        names = rows[0].cells if named else [f"column-{i}" for i in range(1, width + 1)]
        body = rows[1:] if named else rows
        columns = [
            _stats(name.strip(), read_column(cells, decimal_comma))
            for name, cells in zip(names, cells_by_column(body, width), strict=True)
        ]
        return Report(delimiter, named, len(body), columns, ragged[:RAGGED_SHOWN])


def _rows(csv: str, delimiter: str) -> list[Row]:
    try:
        rows = read_rows(csv, delimiter)
    except Malformed as fault:
        raise Err(insights.CsvError_Malformed(insights.Fault(fault.line, fault.message))) from None
    if not rows:
        raise Err(insights.CsvError_Empty())
    return rows


def _stats(name: str, column: Column) -> ColumnStats:
    return ColumnStats(
        name=name,
        kind=insights.Kind[column.kind.upper()],
        count=len(column.values),
        missing=column.missing,
        unique=column.unique,
        minimum=column.minimum,
        maximum=column.maximum,
        mean=column.mean,
        median=column.median,
        standard_deviation=column.standard_deviation,
        most_common=column.most_common,
    )
