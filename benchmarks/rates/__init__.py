"""What `segq bench allowance` is made of: cells, their windows by the provider's ledger, fairness."""
