"""Who may send: senders, numbers, policies, selection, verification and secrets."""
