airflow pools set hvsms 4 "Tasks that read the message store"
