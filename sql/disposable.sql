-- Says of a server that it may lose everything, as `doorbuster doctor --mark-disposable DSN` does.
comment on database postgres is '[doorbuster: disposable]';
