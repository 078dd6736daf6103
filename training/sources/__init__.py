"""Files of a log or a table, whatever their format, as one stream of chunks of rows.

`open_source` takes a file name or a glob and hands a `Source` to the readers of logs and tables.
"""

from training.sources.chunks import CHUNK_ROWS, Fault, SourceChunk
from training.sources.source import Source, open_source

__all__ = ["CHUNK_ROWS", "Fault", "Source", "SourceChunk", "open_source"]
