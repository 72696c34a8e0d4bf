"""Custody: pictures made safe, sealed, stored, and receipts signed.

No Flask and no database comes in here, and no key that could open anything.
"""
