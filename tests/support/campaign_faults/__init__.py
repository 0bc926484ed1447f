"""Campaigns with faults at random points: each try of the task is a process of its own, which may be killed."""
