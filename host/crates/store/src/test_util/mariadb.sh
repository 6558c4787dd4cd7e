# Runs a MariaDB server of its own until standard input ends, however the one who holds it ends, and then takes away
# everything it wrote. Writes the folder with the server's socket to standard output once it can be used.
#
# sh -c mariadb.sh sh
set -eu
PATH=$PATH:/usr/sbin:/usr/local/sbin
# Not TMPDIR: the name of a socket is limited to about 100 characters.
home=$(mktemp -d /tmp/chancery-mariadb-XXXXXX)
server=

stop() {
    if [ -n "$server" ]; then
        # Nothing in it is worth an orderly end.
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$home"
}
fail() {
    cat "$home/log" >&2
    exit 1
}
trap stop EXIT
# An interrupt from the keyboard reaches this script too, and nobody may be there to read what it says: neither
# ends it before `stop`.
trap : INT TERM HUP PIPE

# Whoever gets into the folder may do everything; it is its owner's alone.
mariadb-install-db --no-defaults --datadir="$home/data" --auth-root-authentication-method=normal --skip-test-db \
    --skip-name-resolve --innodb-log-file-size=8M >"$home/log" 2>&1 || fail
mariadbd --no-defaults --datadir="$home/data" --socket="$home/socket" --pid-file="$home/pid" --skip-networking \
    --skip-log-bin --innodb-buffer-pool-size=32M --innodb-log-file-size=8M --innodb-flush-log-at-trx-commit=0 \
    --max-connections=500 --character-set-server=utf8mb4 --lc-messages=en_US >"$home/log" 2>&1 </dev/null &
server=$!
until mariadb-admin --no-defaults --socket="$home/socket" -u root --silent ping >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || fail
    sleep 0.05
done
echo "$home"
read -r _ || true
