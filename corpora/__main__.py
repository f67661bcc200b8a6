"""Write the manifest of the documents, after their review: `python -m corpora [--retire ID ...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from corpora.errors import TrustError
from corpora.trust import PACKAGED, write_manifest


def main() -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m corpora", description="Record the documents as reviewed.")
    parser.add_argument("--root", type=Path, default=PACKAGED, help="the folder of documents")
    parser.add_argument("--retire", nargs="*", default=[], metavar="ID", help="documents to withdraw")
    given = parser.parse_args()
    try:
        manifest = write_manifest(given.root, tuple(given.retire))
    except TrustError as error:
        print(error, file=sys.stderr)
        return 2
    retired = sum(entry.status == "retired" for entry in manifest.documents)
    print(f"{len(manifest.documents)} documents recorded, {retired} of them retired")
    return 0


if __name__ == "__main__":
    sys.exit(main())
