"""The worker: keyring, vault keys, batches, receipts, destruction, audit chain.

The only package that may open what was sealed. `heyan` never imports it.
"""
