#!/usr/bin/env bash
# What the official image of PostgreSQL promises for its start, written anew for its stand-in in the tests.
set -euo pipefail

# from_file NAME [DEFAULT]: NAME, or what the file holds that NAME_FILE names.
from_file() {
  local file="${1}_FILE"
  if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then
    echo "error: both $1 and $file are set (but are exclusive)" >&2
    exit 1
  fi
  if [ -n "${!file:-}" ]; then
    printf -v "$1" %s "$(cat "${!file}")"
  else
    printf -v "$1" %s "${!1:-${2:-}}"
  fi
  export "${1?}"
  unset "$file"
}

sql() { PGHOST='' psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc "$@"; }

initialise() {
  if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo "Error: Database is uninitialized and superuser password is not specified." >&2
    exit 1
  fi
  # initdb wants a name for whom it runs as. libnss_wrapper gives one to a number that --user named.
  local names='' libraries
  if ! getent passwd "$(id -u)" > /dev/null; then
    names=$(mktemp -d)
    printf 'postgres:x:%s:%s::%s:/bin/false\n' "$(id -u)" "$(id -g)" "$PGDATA" > "$names/passwd"
    printf 'postgres:x:%s:\n' "$(id -g)" > "$names/group"
    libraries=(/usr/lib/*/libnss_wrapper.so)
    export LD_PRELOAD="${libraries[0]}" NSS_WRAPPER_PASSWD="$names/passwd" NSS_WRAPPER_GROUP="$names/group"
  fi
  # The words of POSTGRES_INITDB_ARGS may be quoted as in a shell, as the official image takes them.
  eval 'initdb --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") '"$POSTGRES_INITDB_ARGS"
  if [ -n "$names" ]; then
    rm -r "$names"
    unset LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP
  fi
  local method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "${@:2}")}
  printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"

  # Not reachable over the network, so that nobody connects who would be cut off at its end.
  export PGPASSWORD="$POSTGRES_PASSWORD"
  pg_ctl -w start -o "$(printf '%q ' "${@:2}" -c listen_addresses= -p "${PGPORT:-5432}")"
  if [ "$POSTGRES_DB" != postgres ]; then
    sql --dbname postgres --set name="$POSTGRES_DB" <<< 'CREATE DATABASE :"name";'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    # shellcheck source=/dev/null
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) sql --dbname "$POSTGRES_DB" --file "$file" ;;
    esac
  done
  pg_ctl -m fast -w stop
  unset PGPASSWORD
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" = postgres ] && [[ ! " $* " =~ \ (--version|-V|--help)\  ]]; then
  from_file POSTGRES_PASSWORD
  from_file POSTGRES_USER postgres
  from_file POSTGRES_DB "$POSTGRES_USER"
  from_file POSTGRES_INITDB_ARGS
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA" || true
  if [ "$(id -u)" = 0 ]; then
    find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres {} +
    exec gosu postgres "$0" "$@"
  fi
  if [ ! -s "$PGDATA/PG_VERSION" ]; then initialise "$@"; fi
fi
exec "$@"
