airflow connections add hvsms_default --conn-json '{
  "conn_type": "hvsms",
  "login": "<client id>",
  "password": "<client secret>",
  "extra": {"jwt_token": "<JWT>", "shared_session": true, "quota_share": 0.8}
}'
