"""Tests with the vendors' own clients against emulators, each in an environment of its own."""
