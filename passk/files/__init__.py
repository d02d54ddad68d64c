"""The files of a run: their paths, formats, atomic writes and locks."""
