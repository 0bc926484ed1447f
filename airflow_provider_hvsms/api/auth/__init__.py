"""From credentials to an access token.

`credentials.py` holds who logs in, `oauth.py` obtains and revokes tokens, `session.py` shares a token between threads,
and `shared_session.py` between processes.
"""
