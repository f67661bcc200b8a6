"""Everything that corpora raises.

```
CorpusError              any failure of this package; the message is one line that says what to do
├── TrustError           a manifest or a folder of documents that cannot be read or written
├── IngestError          a text that cannot be cut into passages
├── EmbedError           the embedding model is missing or not the one pinned, or its cache cannot be used
├── QuestionError        the caller's question, filter or instrument is wrong
└── StoreError           the index cannot be used
    ├── IndexMissingError     nothing has been built there yet
    ├── IndexHeldError        another process holds the embedded index, and the wait was over
    ├── IndexDamagedError     the files of the index cannot be opened; building it again mends that
    └── IndexUnreachableError the Qdrant server does not answer
```

A document that may not be served is not an error: it stands in `Library.rejected` with its reason.
"""


class CorpusError(Exception):
    """Any failure of this package."""


class TrustError(CorpusError):
    """A manifest or a folder of documents that cannot be read or written."""


class IngestError(CorpusError):
    """A text that cannot be cut into passages."""


class EmbedError(CorpusError):
    """The embedding model is missing or not the one pinned, or its cache cannot be used."""


class QuestionError(CorpusError):
    """The caller's question, filter or instrument is wrong; the message says how to mend it."""


class StoreError(CorpusError):
    """The index cannot be used."""


class IndexMissingError(StoreError):
    """Nothing has been built there yet."""


class IndexHeldError(StoreError):
    """Another process holds the embedded index, and the wait was over."""


class IndexDamagedError(StoreError):
    """The files of the index cannot be opened; building it again mends that."""


class IndexUnreachableError(StoreError):
    """The Qdrant server does not answer."""
