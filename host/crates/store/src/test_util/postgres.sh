# Runs a PostgreSQL server of its own until standard input ends, however the one who holds it ends, and then takes
# away everything it wrote. Writes the folder with the server's socket to standard output once it can be used.
#
# sh -c postgres.sh sh FOLDER_OF_PROGRAMS
set -eu
bin=$1
# Not TMPDIR: the name of a socket is limited to about 100 characters.
home=$(mktemp -d /tmp/chancery-postgres-XXXXXX)

stop() {
    "$bin/pg_ctl" -D "$home/data" -m immediate stop >"$home/log" 2>&1 || true
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
"$bin/initdb" -D "$home/data" -U chancery -A trust -E UTF8 --locale=C --no-sync >"$home/log" 2>&1 || fail
cat >>"$home/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$home'
max_connections = 1000
shared_buffers = 64MB
END
"$bin/pg_ctl" -D "$home/data" -l "$home/log" -w start >"$home/start.log" 2>&1 || fail
echo "$home"
read -r _ || true
