"""The trusted corpus: reviewed documents, found by question and quoted by exact span."""
