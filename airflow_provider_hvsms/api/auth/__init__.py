"""Credentials -> access token.

`credentials.py` says who logs in, `oauth.py` asks the service, `session.py` shares the token between threads, and
`shared_session.py` between processes.
"""
