airflow backfill create --dag-id hvsms_backfill_days \
    --from-date 2025-01-01 --to-date 2025-03-01 --max-active-runs 9
