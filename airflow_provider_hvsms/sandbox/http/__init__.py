"""The HTTP side of the sandbox: endpoints, OAuth, quota, pages and faults.

Start with `application.py`, which turns a request into a response.
"""
