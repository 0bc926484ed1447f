"""What operators, transfers, sensors and triggers share: arguments, batches as plain values, the data interval."""
