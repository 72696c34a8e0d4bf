"""The contact log: calls, chats, visits, letters and e-mails, and the recordings of calls."""
