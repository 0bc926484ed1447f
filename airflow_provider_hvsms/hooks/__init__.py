"""The hook: an Airflow connection becomes a client of the message store. Start in `hvsms.py`.

`client_settings.py` reads the fields of the connection, `token_store.py` keeps a session that tasks share.
"""
