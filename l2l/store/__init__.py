"""The store: a run folder with a journal (what came last) and a sealed HDF5 history.

``folder.Store`` is the one writer, ``reader.Records`` any number of readers. See docs/store.md.
"""
