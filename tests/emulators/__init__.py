"""Tests with the vendors' own clients against emulators, each folder in an environment of its own.

`EMULATOR=objectstores scripts/setup` makes the environment of `tests/emulators/objectstores.txt`, and
`EMULATOR=objectstores scripts/test` runs the tests of that folder. In other environments they are skipped.

The folder `warehouses` has no environment: it holds the tests that the folders of all warehouses inherit.
"""
