airflow connections add hvsms_default --conn-json '{
  "conn_type": "hvsms",
  "login": "<client id>",
  "password": "<client secret>",
  "extra": {"jwt_token": "<JWT>", "hash_key": "<what openssl rand -hex 32 prints>"}
}'
